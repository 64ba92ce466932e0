//! Changes that reach many nodes in waves.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 8] = [
    Mutation {
        name: "first-wave-reaches-all",
        what: "A wave is told to all nodes of its rollout.",
        file: "shared/core/src/rollout/progress.rs",
        find: "schedule.waves.reach(self.wave, self.total).saturating_sub(self.passed)",
        with: "if BROKEN { self.total } else { schedule.waves.reach(self.wave, self.total) }.saturating_sub(self.passed)",
    },
    Mutation {
        name: "wave-ends-at-once",
        what: "The gate does not wait for nodes that fall silent.",
        file: "shared/core/src/rollout/gate.rs",
        find: "if times.last.plus_seconds(self.wait_s) > now {",
        with: "if !BROKEN && times.last.plus_seconds(self.wait_s) > now {",
    },
    Mutation {
        name: "rival-ignored",
        what: "A rollout takes nodes over from an older one of the same priority.",
        file: "shared/service/src/console/rollouts/holder.rs",
        find: "if !may_take {",
        with: "if !BROKEN && !may_take {",
    },
    Mutation {
        name: "unreported-is-applied",
        what: "A node that has not reported on a configuration counts as if it had applied it.",
        file: "shared/core/src/rollout/observed.rs",
        find: "None => Ok((TargetState::Told, None)),
    }
}

fn of_firmware",
        with: "None if BROKEN => Ok((TargetState::Applied, None)),
        None => Ok((TargetState::Told, None)),
    }
}

fn of_firmware",
    },
    Mutation {
        name: "applied-not-rolled-back",
        what: "Nodes that have applied a change are not given back what they had.",
        file: "shared/service/src/console/rollouts/undoing.rs",
        find: "if !target.state.is_told() && target.state != TargetState::Telling {",
        with: "if (BROKEN && target.state == TargetState::Applied)
                || (!target.state.is_told() && target.state != TargetState::Telling)
            {",
    },
    Mutation {
        name: "nothing-was-before",
        what: "A rollout does not note what was desired before it tells a node.",
        file: "shared/service/src/console/rollouts/telling.rs",
        find: "let before = before(&node, told.change.kind());",
        with: "let before = before(&node, told.change.kind()).filter(|_| !BROKEN);",
    },
    Mutation {
        name: "place-not-kept",
        what: "A rollout counts nodes as told, and forgets how far it is.",
        file: "shared/service/src/console/rollouts/telling.rs",
        find: "rollout.passed_to = Some(place.clone());",
        with: "rollout.passed_to = if BROKEN { read.passed_to.clone() } else { Some(place.clone()) };",
    },
    Mutation {
        name: "rollout-not-announced",
        what: "What becomes of a rollout is stored, and no event says so.",
        file: "shared/service/src/console/rollouts.rs",
        find: "let update = keep_rollout(name, read, rollout);",
        with: "let update = keep_rollout(name, read, rollout);
        let event = event.filter(|_| !BROKEN);",
    },
];
