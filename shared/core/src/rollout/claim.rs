//! Which rollout may change a node: of two rivals, one.
//!
//! A rollout claims all its nodes while it lists them, before it tells any. A rollout that finds a node claimed waits until
//! the other one is over, or takes the node over. It may do so if the other one has not told the node, and comes after it in
//! the order of rollouts; or if its priority is higher, whether the node was told or not.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::id::{NodeId, RolloutName};
use crate::item::{Item, Malformed, malformed, text};
use crate::key::Key;
use crate::timestamp::Timestamp;
use crate::update::{Change, Update};

use super::waves::ChangeKind;

/// A rollout's claim of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The rollout that may change the node.
    pub holder: RolloutName,
    /// Whether that rollout has begun to tell the node.
    pub is_told: bool,
}

impl Claim {
    /// Reads a claim from its stored item.
    ///
    /// # Errors
    /// If it has no holder, or one that no rule writes.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let holder = text(item, A::ClaimedBy)?.and_then(|holder| holder.parse().ok());
        Ok(Self { holder: holder.ok_or_else(|| malformed(A::ClaimedBy))?, is_told: item.contains_key(&A::ClaimToldAt) })
    }
}

/// The write that claims a node for a rollout. `from` is the claim that was read. It is refused if another rollout has
/// claimed the node since, or has told it and `may_supersede` is false.
pub fn claim(
    node: &NodeId,
    kind: ChangeKind,
    rollout: &RolloutName,
    from: Option<&Claim>,
    may_supersede: bool,
) -> Update {
    let mut guards = vec![Guard::same(A::ClaimedBy, from.map(|claim| claim.holder.as_str().into()))];
    if !may_supersede {
        guards.push(Guard::Missing(A::ClaimToldAt));
    }
    let changes = vec![Change::Set(A::ClaimedBy, rollout.as_str().into()), Change::Remove(A::ClaimToldAt)];
    update(node, kind, Guard::All(guards), Guard::Equal(A::ClaimedBy, rollout.as_str().into()), changes)
}

/// The write that notes that a rollout begins to tell a node. From then on no rival of the same priority takes the node over.
/// It is refused if another rollout has claimed the node.
pub fn tell(node: &NodeId, kind: ChangeKind, rollout: &RolloutName, now: Timestamp) -> Update {
    let changes = vec![Change::SetIfMissing(A::ClaimToldAt, now.0.into())];
    update(node, kind, Guard::Equal(A::ClaimedBy, rollout.as_str().into()), Guard::NEVER, changes)
}

/// The claims of a node that may be stored.
pub(crate) fn claims_of(node: &NodeId) -> [Key; 2] {
    [ChangeKind::Config, ChangeKind::Firmware].map(|kind| Key::Claim(node.clone(), kind))
}

fn update(node: &NodeId, kind: ChangeKind, guard: Guard, already_applied: Guard, changes: Vec<Change>) -> Update {
    let clauses = vec![Clause::new(Because::ClaimedByAnother, guard)];
    Update { key: Key::Claim(node.clone(), kind), clauses, already_applied, changes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::Outcome;

    fn names() -> (NodeId, RolloutName, RolloutName) {
        ("ap-1".parse().expect("an id"), "one".parse().expect("a name"), "other".parse().expect("a name"))
    }

    fn after(update: &Update, item: Option<&Item>) -> Option<Item> {
        match update.apply(item) {
            Outcome::Applied { after } => Some(after),
            Outcome::Refused { .. } => None,
        }
    }

    #[test]
    fn of_two_rollouts_that_claim_a_node_at_once_one_has_it() {
        let (node, one, other) = names();
        let kind = ChangeKind::Config;
        let item = after(&claim(&node, kind, &one, None, false), None).expect("free");
        assert_eq!(after(&claim(&node, kind, &other, None, false), Some(&item)), None);
        assert!(after(&tell(&node, kind, &other, Timestamp(1)), Some(&item)).is_none());
        let told = after(&tell(&node, kind, &one, Timestamp(1)), Some(&item)).expect("its own");
        assert_eq!(Claim::read(&told), Ok(Claim { holder: one, is_told: true }));
    }

    #[test]
    fn a_node_that_was_told_is_only_taken_over_by_a_higher_priority() {
        let (node, one, other) = names();
        let kind = ChangeKind::Firmware;
        let item = after(&claim(&node, kind, &one, None, false), None).expect("free");
        let read = Claim::read(&item).expect("a claim");
        let taken = after(&claim(&node, kind, &other, Some(&read), false), Some(&item)).expect("not told yet");
        assert!(after(&tell(&node, kind, &one, Timestamp(1)), Some(&taken)).is_none(), "it has lost the node");
        let told = after(&tell(&node, kind, &one, Timestamp(1)), Some(&item)).expect("its own");
        assert_eq!(after(&claim(&node, kind, &other, Some(&read), false), Some(&told)), None);
        let taken = after(&claim(&node, kind, &other, Some(&read), true), Some(&told)).expect("higher");
        assert_eq!(Claim::read(&taken), Ok(Claim { holder: other, is_told: false }));
    }

    #[test]
    fn a_claim_that_is_made_again_changes_nothing() {
        let (node, one, _) = names();
        let item = after(&claim(&node, ChangeKind::Config, &one, None, false), None).expect("free");
        let told = after(&tell(&node, ChangeKind::Config, &one, Timestamp(1)), Some(&item)).expect("its own");
        assert_eq!(after(&claim(&node, ChangeKind::Config, &one, None, false), Some(&told)), Some(told));
    }
}
