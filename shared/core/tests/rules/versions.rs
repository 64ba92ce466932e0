//! Every short history of what the application does to a node's configuration.

use std::collections::BTreeMap;

use rollcall_core::{
    DesiredConfig, Expected, History, Item, Node, NodeId, Origin, Outcome, Registering, Remembered, Setting, Timestamp,
    Update, raise_config, register, remember, restore_config, roll_back_config, set_config, set_site_config,
    unset_config,
};

/// How long a history is.
const STEPS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A document is set for the node alone.
    Set(&'static str),
    /// A document is set for the node's site.
    SetSite(&'static str),
    /// The same, and it replaces what the node has of its own.
    Replace(&'static str),
    /// Somebody reads what a rollback of this moment would do.
    Read,
    /// Who has read that does it.
    RollBack,
    Unset,
    Renumber,
    /// A document with the version that another table had.
    Import,
}

const ALL: [Step; 10] = [
    Step::Set("a"),
    Step::Set("b"),
    Step::SetSite("a"),
    Step::SetSite("c"),
    Step::Replace("c"),
    Step::Read,
    Step::RollBack,
    Step::Unset,
    Step::Renumber,
    Step::Import,
];

#[derive(Clone, Default)]
struct World {
    item: Item,
    history: Item,
    /// The document of each version that was made; `None` if it counts that nothing was desired.
    made: BTreeMap<u64, Option<String>>,
    /// What a rollback would do, by who has read it: from which version, and to what.
    read: Option<(u64, Remembered)>,
}

fn id() -> NodeId {
    "ap-1".parse().expect("an id")
}

impl World {
    fn node(&self) -> Node {
        Node::read(&self.item).expect("readable")
    }

    fn read_history(&self) -> History {
        History::read(&self.history).expect("readable")
    }

    fn update(&mut self, step: Step) -> Option<Update> {
        let any = Expected::default();
        Some(match step {
            Step::Set(sha256) => set_config(&id(), sha256, &any),
            Step::SetSite(sha256) => set_site_config(&id(), sha256, false),
            Step::Replace(sha256) => set_site_config(&id(), sha256, true),
            Step::Read => {
                let (node, history) = (self.node(), self.read_history());
                self.read = history.before(&node).map(|before| (node.config_version, before.clone()));
                return None;
            }
            Step::RollBack => {
                let (from, to) = self.read.take()?;
                roll_back_config(&id(), to.sha256.as_deref().expect("a document"), from, to.origin)
            }
            Step::Unset => unset_config(&id(), &any),
            Step::Renumber => raise_config(&id(), 110),
            Step::Import => restore_config(&id(), "imported", 3),
        })
    }

    /// Takes a step, and says what is wrong with what it came to.
    fn step(&mut self, step: Step) -> Result<(), String> {
        let (before, read) = (self.node(), self.read.clone());
        let expected_target = self.made.iter().rev().find(|(version, document)| {
            let now = before.desired.as_ref().map(|desired| &desired.sha256);
            **version < before.config_version && document.is_some() && document.as_ref() != now
        });
        let expected_target = expected_target.map(|(version, _)| *version);
        let Some(update) = self.update(step) else {
            let target = self.read.as_ref().map(|(_, to)| to.version);
            let is_right = step != Step::Read || target == expected_target;
            return if is_right { Ok(()) } else { Err(format!("goes back to {target:?}, not {expected_target:?}")) };
        };
        let Outcome::Applied { after } = update.apply(Some(&self.item)) else {
            return self.refused(step, read.as_ref());
        };
        self.item = after;
        let after = self.node();
        let setting = Setting { at: Timestamp(1), by: None };
        if let Outcome::Applied { after } = remember(&id(), &after, &setting).apply(Some(&self.history)) {
            self.history = after;
        }
        if after.config_version <= before.config_version {
            return Err(format!("version {} after {}", after.config_version, before.config_version));
        }
        let document = after.desired.as_ref().map(|desired| desired.sha256.clone());
        if self.made.insert(after.config_version, document.clone()).is_some() {
            return Err(format!("version {} again", after.config_version));
        }
        let is_own = |node: &Node| node.desired.is_some() && node.config_origin == Origin::Node;
        match (step, read) {
            (Step::SetSite(_), _) if is_own(&before) => Err("the node's own is replaced".to_owned()),
            (Step::SetSite(_) | Step::Replace(_), _) if is_own(&after) => {
                Err("the site's is the node's own".to_owned())
            }
            (Step::Set(_) | Step::Import, _) if !is_own(&after) => Err("the node's own is the site's".to_owned()),
            (Step::RollBack, Some((from, to))) => {
                let is_right =
                    document == to.sha256 && after.config_origin == to.origin && from == before.config_version;
                if is_right { Ok(()) } else { Err(format!("went back to {document:?}, not {to:?}")) }
            }
            _ => self.remembers(),
        }
    }

    /// Whether it was right to refuse a step: there was nothing to change, or something forbids it.
    fn refused(&self, step: Step, read: Option<&(u64, Remembered)>) -> Result<(), String> {
        let node = self.node();
        let is_desired =
            |sha256: &str| matches!(&node.desired, Some(DesiredConfig { sha256: now, .. }) if now == sha256);
        let is_right = match step {
            Step::Set(sha256) | Step::Replace(sha256) => is_desired(sha256),
            Step::SetSite(sha256) => is_desired(sha256) || node.config_origin == Origin::Node,
            Step::RollBack => read
                .is_some_and(|(from, to)| *from != node.config_version || to.sha256.as_deref().is_some_and(is_desired)),
            Step::Unset => node.desired.is_none(),
            Step::Renumber => node.config_version >= 110,
            Step::Import => node.config_version >= 3,
            Step::Read => false,
        };
        if is_right { Ok(()) } else { Err("refused for nothing".to_owned()) }
    }

    /// The history has each version with its document, the newest first.
    fn remembers(&self) -> Result<(), String> {
        let versions = self.read_history().versions(&self.node());
        let listed = versions.into_iter().map(|version| (version.remembered.version, version.remembered.sha256));
        let listed: Vec<_> = listed.collect();
        let made: Vec<_> = self.made.iter().rev().map(|(version, document)| (*version, document.clone())).collect();
        if listed == made { Ok(()) } else { Err(format!("lists {listed:?}, not {made:?}")) }
    }
}

fn explore(world: &World, history: &mut Vec<Step>, count: &mut usize) {
    for step in ALL {
        let mut next = world.clone();
        history.push(step);
        if let Err(wrong) = next.step(step) {
            panic!("{wrong} after {history:?}");
        }
        *count += 1;
        if history.len() < STEPS {
            explore(&next, history, count);
        }
        history.pop();
    }
}

#[test]
fn versions_never_go_back_and_a_rollback_gives_the_document_that_it_names_whatever_happens_before() {
    let Outcome::Applied { after } = register(&id(), &Registering::default()).apply(None) else { panic!("refused") };
    let (world, mut count) = (World { item: after, ..World::default() }, 0);
    explore(&world, &mut vec![], &mut count);
    assert!(count > 100_000, "{count}");
}
