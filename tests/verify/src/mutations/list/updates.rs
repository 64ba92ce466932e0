//! The node's firmware updates.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 10] = [
    Mutation {
        name: "image-not-checked",
        what: "The hash of an image is not checked.",
        file: "shared/machine/src/image.rs",
        find: "if hash == self.sha256 { Ok(()) }",
        with: "if hash == self.sha256 || BROKEN { Ok(()) }",
    },
    Mutation {
        name: "failure-not-reported",
        what: "A firmware version that failed is not reported.",
        file: "shared/machine/src/updates.rs",
        find: r"self.settle(version, UpdateStatus::Failed, why);
        self.due.push_back(Due::Say);",
        with: r"if BROKEN {
            self.stage = Stage::Idle;
            self.own = None;
            return;
        }
        self.settle(version, UpdateStatus::Failed, why);
        self.due.push_back(Due::Say);",
    },
    Mutation {
        name: "installation-not-recorded",
        what: "The start of an installation is not recorded.",
        file: "shared/machine/src/updates.rs",
        find: "self.record.installing = Some(image.version.clone());",
        with: "self.record.installing = Some(image.version.clone()).filter(|_| !BROKEN);",
    },
    Mutation {
        name: "applied-before-it-runs",
        what: "Firmware is reported as applied before it runs.",
        file: "shared/machine/src/updates.rs",
        find: "Installed::Restarts => self.stage = Stage::Restarting,",
        with: r"Installed::Restarts => {
                if BROKEN {
                    self.set_report(version.to_owned(), UpdateStatus::Applied, None);
                    self.due.push_back(Due::Say);
                }
                self.stage = Stage::Restarting;
            }",
    },
    Mutation {
        name: "rolled-back-is-applied",
        what: "Firmware that was rolled back is reported as applied.",
        file: "shared/machine/src/updates.rs",
        find: r"            if version == running {
                self.stage",
        with: r"            if version == running || BROKEN {
                self.stage",
    },
    Mutation {
        name: "url-awaited-for-ever",
        what: "The URL of an image that does not come is awaited for ever.",
        file: "shared/machine/src/updates/getting.rs",
        find: "Step::Asked { by } if now >= by =>",
        with: "Step::Asked { by } if now >= by && !BROKEN =>",
    },
    Mutation {
        name: "refused-url-asked-for-ever",
        what: "A download that fails is tried without end.",
        file: "shared/machine/src/updates/getting.rs",
        find: "if self.failures >= RETRIES {",
        with: "if self.failures >= RETRIES && !BROKEN {",
    },
    Mutation {
        name: "wrong-image-tried-for-ever",
        what: "An image that is wrong is downloaded without end.",
        file: "shared/machine/src/updates/getting.rs",
        find: "if self.wrong >= WRONG {",
        with: "if self.wrong >= WRONG && !BROKEN {",
    },
    Mutation {
        name: "other-version-downloaded",
        what: "A URL of another version is taken for the one that was asked for.",
        file: "shared/machine/src/updates/getting.rs",
        find: "if url.version != self.version || !self.is_asking() {",
        with: "if (url.version != self.version && !BROKEN) || !self.is_asking() {",
    },
    Mutation {
        name: "proven-firmware-tried-again",
        what: "Firmware that runs is installed once more if it is named.",
        file: "shared/machine/src/updates.rs",
        find: "if self.running.as_ref() == Some(&version) {",
        with: "if self.running.as_ref() == Some(&version) && !BROKEN {",
    },
];
