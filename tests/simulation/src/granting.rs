//! What the world does for a polling program.

use std::path::Path;

use rollcall_fleet::{Act, BadConfig, How, Seen, command_act};
use rollcall_wire::{CommandStatus, ConfigNews, ConfigReport, ConfigStatus, sha256};

use crate::device::{Around, Device};
use crate::event::{Doing, Event};
use crate::exchanges::Caller;
use crate::images::described;
use crate::kernel::S;
use crate::poller::Wish;
use crate::polling::{PROOF, Polling, TRIES, again_later, ask};

impl Polling {
    pub(crate) fn grant(&mut self, device: &mut Device, around: &mut Around<'_>, wish: Wish) {
        match wish {
            Wish::Execute(number, name) => self.execute(device, around, number, name),
            Wish::Configure(news) => {
                if let Some(text) = news.document.clone() {
                    return self.configure(device, around, &news, &text);
                }
                self.config = Some((news, 1));
                self.fetch(device, around);
            }
            Wish::Locate(version) => {
                self.image = Some((version, 1));
                self.locate(device, around);
            }
            Wish::Proven => {
                let mut flash = device.flash.borrow_mut();
                flash.fallback = None;
                flash.images.clear();
            }
        }
    }

    fn execute(&mut self, device: &mut Device, around: &mut Around<'_>, number: u64, name: String) {
        let act = command_act(&name);
        around.ground.saw(Seen::Executed { who: device.who(), command: number, name });
        let mut draw = device.draw(around.ground);
        let run = device.run();
        match act {
            Act::AtOnce => self.ended(device, around, CommandStatus::Done, "here"),
            Act::Fails => self.ended(device, around, CommandStatus::Failed, &"x".repeat(3_000)),
            Act::Restarts => {
                self.ended(device, around, CommandStatus::Done, "restarting");
                self.reboots = true;
            }
            Act::Slowly => {
                self.command = Some(number);
                let after = draw.between(S, 120 * S);
                around.ground.after(after, Event::Device(device.no, Doing::CommandDone(run, number)));
            }
            Act::PowerFails => {
                self.command = Some(number);
                let (after, off) = (draw.between(0, 5 * S), draw.between(5 * S, 60 * S));
                around.ground.after(after, Event::Device(device.no, Doing::Crash(run, off)));
            }
        }
    }

    pub(crate) fn ended(&mut self, device: &mut Device, around: &mut Around<'_>, status: CommandStatus, output: &str) {
        self.poller.ended(&mut device.flash.borrow_mut(), status, output);
        self.hurry(device, around);
    }

    pub(crate) fn configure(&mut self, device: &mut Device, around: &mut Around<'_>, news: &ConfigNews, text: &str) {
        let (version, wanted) = (news.version, news.sha256.clone());
        if sha256(text) != wanted {
            return self.report(device, around, version, ConfigStatus::Rejected, Some("wrong hash".to_owned()));
        }
        let bad = device.mood.bad_config();
        let (how, status, detail) = match bad {
            Some(BadConfig::Refused) => (How::Refused, ConfigStatus::Rejected, Some("not on this board")),
            Some(BadConfig::Substituted) => (How::Substituted, ConfigStatus::Substituted, Some("channel 36")),
            Some(BadConfig::CutsOff) | None => (How::Applied, ConfigStatus::Applied, None),
        };
        let who = device.who();
        around.ground.saw(Seen::Applied { who, version, sha256: wanted, how });
        match bad {
            Some(BadConfig::CutsOff) => {
                around.ground.hit("config-cuts-off");
                self.cut_off = Some((version, device.flash.borrow().config.clone()));
                around.network.cut_off(around.ground, device.no, true);
                return around.ground.after(PROOF, Event::Device(device.no, Doing::CutOffOver(device.run())));
            }
            Some(BadConfig::Refused) => around.ground.hit("config-refused"),
            Some(BadConfig::Substituted) => around.ground.hit("config-substituted"),
            None => {}
        }
        self.report(device, around, version, status, detail.map(str::to_owned));
    }

    pub(crate) fn report(
        &mut self,
        device: &mut Device,
        around: &mut Around<'_>,
        version: u64,
        status: ConfigStatus,
        detail: Option<String>,
    ) {
        device.flash.borrow_mut().config = Some(ConfigReport { version, status, detail });
        self.hurry(device, around);
    }

    pub(crate) fn fetch(&mut self, device: &mut Device, around: &mut Around<'_>) {
        let Some((news, _)) = &self.config else { return };
        let path = format!("/v1/configs/{}", news.sha256);
        let caller = Caller::Document(device.no, device.run(), news.version);
        let request = device.request("GET", path, None);
        ask(device, around, caller, request);
    }

    pub(crate) fn locate(&mut self, device: &mut Device, around: &mut Around<'_>) {
        let Some((version, _)) = &self.image else { return };
        let request = device.request("GET", format!("/v1/firmware/{version}"), None);
        ask(device, around, Caller::Image(device.no, device.run()), request);
    }

    pub(crate) fn try_again(
        &mut self,
        device: &mut Device,
        around: &mut Around<'_>,
        version: String,
        tries: u32,
        why: &str,
    ) {
        if tries >= TRIES || !self.poller.downloads(&version) {
            self.image = None;
            return self.give_up(device, around, &version, why);
        }
        self.image = Some((version, tries + 1));
        again_later(device, around, tries);
    }

    pub(crate) fn give_up(&mut self, device: &mut Device, around: &mut Around<'_>, version: &str, why: &str) {
        self.poller.gave_up(version, why);
        self.hurry(device, around);
    }

    pub(crate) fn install(device: &mut Device, around: &mut Around<'_>, version: String, path: &Path) {
        let (sha256, size) = described(device.flash.borrow().file(path).unwrap_or_default());
        device.flash.borrow_mut().journal.installing = Some(version.clone());
        around.ground.saw(Seen::Installed { who: device.who(), version, sha256, size });
        let after = device.draw(around.ground).between(2 * S, 30 * S);
        around.ground.after(after, Event::Device(device.no, Doing::Installed(device.run())));
    }
}
