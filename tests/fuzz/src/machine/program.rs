//! The program around a node. What it answers depends on what it is given.

use rollcall_machine::{Applied, Command, Configuration, Delta, Firmware, Handler, NodeEvent, Pushed, Report};
use rollcall_wire::{ConfigReport, ConfigStatus, DOCUMENT_BYTES, sha256};

use super::history::History;

#[derive(Debug)]
pub(super) struct Program {
    history: History,
    commands: Vec<Command>,
    deltas: Vec<Delta>,
    images: Vec<Firmware>,
}

impl Program {
    pub(super) fn new(history: &History) -> Self {
        Self { history: history.clone(), commands: vec![], deltas: vec![], images: vec![] }
    }

    /// Does what it kept.
    pub(super) fn deliver(&mut self) {
        self.commands.drain(..).for_each(|command| command.done("late"));
        self.deltas.drain(..).for_each(Delta::made);
        for image in self.images.drain(..) {
            self.history.runs(image.version());
            image.runs();
        }
    }

    /// Drops what it kept.
    pub(super) fn drop_kept(&mut self) {
        self.commands.clear();
        self.deltas.clear();
        self.images.clear();
    }
}

impl Handler for Program {
    fn report(&mut self) -> Report {
        let version = self.history.proven();
        let config = ConfigReport { version, status: ConfigStatus::Applied, detail: None };
        Report { firmware: Some(self.history.running()), config: (version > 0).then_some(config), health: None }
    }

    fn apply(&mut self, configuration: &Configuration) -> Applied {
        self.history.does("apply");
        self.history.applies(configuration.version);
        let document = &configuration.document;
        assert_eq!(sha256(document), configuration.sha256, "the hash is that of the document");
        assert!(document.len() <= DOCUMENT_BYTES, "{} bytes", document.len());
        match document {
            document if document.contains("unsupported") => Applied::Unsupported,
            document if document.contains("substituted") => Applied::Substituted(document.clone()),
            document if document.contains("rejected") => Applied::Rejected(document.clone()),
            _ => Applied::Applied,
        }
    }

    fn roll_back(&mut self, _: &Configuration) {
        self.history.note("roll back");
    }

    /// Keeps a command whose name has `keep` in it.
    fn execute(&mut self, command: Command) {
        self.history.does("execute");
        self.history.executes(command.number());
        if command.name().contains("keep") {
            self.commands.push(command);
        } else {
            let output = command.args().to_string();
            command.done(output);
        }
    }

    fn accept_firmware(&mut self, version: &str) -> Result<(), String> {
        self.history.does("accept");
        if version.contains("refused") { Err(version.to_owned()) } else { Ok(()) }
    }

    /// It has an image to apply deltas to while it runs one whose version has `base` in it.
    fn base_image(&mut self) -> Option<String> {
        Some(self.history.running()).filter(|running| running.contains("base"))
    }

    /// Keeps a delta to a version that has `keep` in it.
    fn make_image(&mut self, delta: Delta) {
        self.history.does("make");
        if delta.version().contains("keep") {
            self.deltas.push(delta);
        } else if delta.version().contains("unmade") {
            delta.failed("it does not fit");
        } else {
            delta.made();
        }
    }

    /// Keeps an image whose version has `keep` in it.
    fn install(&mut self, firmware: Firmware) {
        self.history.does("install");
        if firmware.version().contains("keep") {
            self.images.push(firmware);
        } else if firmware.version().contains("failed") {
            firmware.failed("it did not work");
        } else {
            self.history.runs(firmware.version());
            if firmware.version().contains("restarts") { firmware.restarts() } else { firmware.runs() }
        }
    }

    fn pushed(&mut self, message: Pushed) {
        self.history.note(&format!("{message:?}"));
    }

    fn event(&mut self, event: NodeEvent) {
        if let NodeEvent::ConfigApplied { version, .. } = &event {
            self.history.proves(*version);
        }
        self.history.note(&format!("{event:?}"));
    }
}
