//! The network of a node: it does nothing, and checks what it is asked for.

use std::path::PathBuf;

use rollcall_machine::{LinkId, Target, Transport};

use super::history::History;

#[derive(Debug)]
pub(super) struct Network(pub(super) History);

impl Transport for Network {
    fn open(&mut self, link: LinkId) {
        self.0.opens(link);
    }

    fn send(&mut self, link: LinkId, text: String) {
        self.0.says(link, &text);
    }

    fn ping(&mut self, _: LinkId) {
        self.0.does("ping");
    }

    fn close(&mut self, link: LinkId) {
        self.0.over(link);
        self.0.note("close");
    }

    fn abandon(&mut self, link: LinkId) {
        self.0.over(link);
        self.0.note("abandon");
    }

    fn fetch(&mut self, _: u64, sha256: &str) {
        assert!(is_hash(sha256), "{sha256:?} would become part of a path");
        self.0.does("fetch");
    }

    fn download(&mut self, target: Target) {
        let name = target.name();
        assert!(name.split('.').all(is_hash), "{name:?} would become the name of a file");
        self.0.does("download");
    }

    fn check(&mut self, _: Target, _: PathBuf) {
        self.0.does("check");
    }

    fn cancel_fetch(&mut self) {}

    fn cancel_download(&mut self) {}
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
