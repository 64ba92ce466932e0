//! Firmware updates: what a node does, and what it may be given.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 5] = [
    Mutation {
        name: "installation-not-recorded",
        what: "The start of an installation is not recorded.",
        file: "shared/machine/src/updates.rs",
        find: "self.record.installing = Some(image.version.clone());",
        with: "self.record.installing = Some(image.version.clone()).filter(|_| !BROKEN);",
    },
    Mutation {
        name: "given-below-the-minimum",
        what: "A node is given an image that was desired before the minimum was raised above it.",
        file: "shared/service/src/firmware.rs",
        find: "if !model_settings(store, &model).await?.admits(&desired) {",
        with: "if !BROKEN && !model_settings(store, &model).await?.admits(&desired) {",
    },
    Mutation {
        name: "desired-below-the-minimum",
        what: "A version below the minimum of its model can be desired.",
        file: "shared/service/src/console/firmware.rs",
        find: "if settings.admits(version) { Ok(()) }",
        with: "if BROKEN || settings.admits(version) { Ok(()) }",
    },
    Mutation {
        name: "delta-of-another-base",
        what: "A node is given the delta from the first version, whatever it has.",
        file: "shared/service/src/firmware.rs",
        find: "let Ok(base) = from.parse::<FirmwareVersion>() else",
        with: r#"let Ok(base) = (if BROKEN { "1.0" } else { from }).parse::<FirmwareVersion>() else"#,
    },
    Mutation {
        name: "made-image-not-checked",
        what: "What a program has made of a delta is installed, whatever it is.",
        file: "shared/machine/src/driver.rs",
        find: "Action::Check { target, file } => self.transport.check(target, file),",
        with: "Action::Check { target, file } if BROKEN => {
                self.machine.downloaded(now, &target.version, Downloaded::Complete(file));
            }
            Action::Check { target, file } => self.transport.check(target, file),",
    },
];
