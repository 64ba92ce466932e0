//! The world's hands for what a run of the library asks for.

use std::rc::Rc;

use rollcall_fleet::{Act, How, Seen, command_act};
use rollcall_machine::{Command, Delta, Firmware, LinkId, NodeEvent};
use rollcall_wire::{ConfigReport, ConfigStatus, SUBPROTOCOL};

use crate::device::{Around, Device, Fate};
use crate::event::{Doing, Event, Hello, Up, WireNo};
use crate::exchanges::{Caller, PATIENCE};
use crate::images::{Download, described};
use crate::kernel::{MS, Micros, S};
use crate::network::End;
use crate::program::Did;
use crate::socketed::{Socketed, send};

impl Socketed {
    /// Carries out one thing.
    pub(crate) fn carry_out(&mut self, device: &mut Device, around: &mut Around<'_>, did: Did) -> Fate {
        let who = device.who();
        match did {
            Did::PowerFails => {
                around.ground.hit("crash-torn");
                return Fate::Crashes(device.off_for);
            }
            Did::Open(link) => {
                let (token, instance) = (Rc::clone(&device.token), self.instance.clone());
                let hello = Hello { token, instance, offered: Some(SUBPROTOCOL) };
                let wire = around.network.dial(around.ground, device.no, link, hello);
                self.links.push((link, wire));
            }
            Did::Send(link, text) => {
                if let Some(wire) = self.open(around, link) {
                    send(device, around, wire, text);
                }
            }
            Did::Ping(link) => {
                if let Some(wire) = self.open(around, link) {
                    around.network.ping(around.ground, wire);
                }
            }
            Did::Close(link) => self.close(device, around, link),
            Did::Abandon(link) => self.abandon(device, around, link),
            Did::Fetch(version, sha256) => self.fetch(device, around, version, &sha256),
            Did::CancelFetch => {
                if let Some(exchange) = self.fetching.take() {
                    around.exchanges.give_up(exchange);
                }
            }
            Did::Download(target) => self.download(device, around, Download::new(*target)),
            Did::Check(target, file) => self.check(device, around, Download::check(*target, file)),
            Did::Make(delta) => self.make(device, around, delta),
            Did::CancelDownload => self.download = None,
            Did::Event(event) => self.event(device, around, *event),
            Did::Applied { version, sha256, how } => {
                match how {
                    How::Applied => {}
                    How::Refused => around.ground.hit("config-refused"),
                    How::Substituted => around.ground.hit("config-substituted"),
                }
                around.ground.saw(Seen::Applied { who, version, sha256, how });
            }
            Did::CutOff(is_cut_off) => {
                if is_cut_off {
                    around.ground.hit("config-cuts-off");
                }
                around.network.cut_off(around.ground, device.no, is_cut_off);
            }
            Did::RolledBack(version) => around.ground.saw(Seen::RolledBack { who, version }),
            Did::Execute(command) => self.execute(device, around, command),
            Did::Install(firmware) => self.install(device, around, firmware),
        }
        Fate::GoesOn
    }

    fn open(&self, around: &mut Around<'_>, link: LinkId) -> Option<WireNo> {
        let wire = self.links.iter().find(|(other, _)| *other == link)?.1;
        (around.network.wire(wire).end == End::Open).then_some(wire)
    }

    fn close(&mut self, device: &Device, around: &mut Around<'_>, link: LinkId) {
        let Some(wire) = self.open(around, link) else { return self.abandon(device, around, link) };
        let nth = around.network.wire(wire).nth;
        around.ground.saw(Seen::LinkEnded { who: device.who(), link: nth, code: None });
        around.network.wire(wire).end = End::Closing;
        around.network.up(around.ground, wire, Up::Close((1000, "")));
        let limit = Micros::try_from(self.timing.close_timeout.as_micros()).unwrap_or(Micros::MAX);
        around.ground.after(limit, Event::Device(device.no, Doing::CloseTimedOut(wire)));
    }

    fn abandon(&mut self, device: &Device, around: &mut Around<'_>, link: LinkId) {
        let Some(place) = self.links.iter().position(|(other, _)| *other == link) else { return };
        let (_, wire) = self.links.remove(place);
        let (nth, end) = (around.network.wire(wire).nth, around.network.wire(wire).end);
        if end == End::Open {
            around.ground.saw(Seen::LinkEnded { who: device.who(), link: nth, code: None });
        }
        around.network.abandon(around.ground, wire);
    }

    fn fetch(&mut self, device: &Device, around: &mut Around<'_>, version: u64, sha256: &str) {
        if let Some(exchange) = self.fetching.take() {
            around.exchanges.give_up(exchange);
        }
        let request = device.request("GET", format!("/v1/configs/{sha256}"), None);
        let caller = Caller::Document(device.no, device.run(), version);
        let exchange = around.exchanges.ask(around.ground, around.network, caller, request);
        around.ground.after(PATIENCE, Event::Device(device.no, Doing::NoReply(exchange)));
        self.fetching = Some(exchange);
    }

    fn download(&mut self, device: &mut Device, around: &mut Around<'_>, download: Download) {
        self.downloads += 1;
        let mut draw = device.draw(around.ground);
        let takes = around.network.round_trip(around.ground.now(), device.no, &mut draw);
        let takes = takes.map_or(30 * S, |way| way + Download::takes(&mut draw));
        self.download = Some(download);
        let doing = Doing::Downloaded(device.run(), self.downloads);
        around.ground.after(takes, Event::Device(device.no, doing));
    }

    /// It takes no time to speak of.
    fn check(&mut self, device: &Device, around: &mut Around<'_>, check: Download) {
        self.downloads += 1;
        self.download = Some(check);
        around.ground.after(MS, Event::Device(device.no, Doing::Downloaded(device.run(), self.downloads)));
    }

    fn make(&mut self, device: &mut Device, around: &mut Around<'_>, delta: Box<Delta>) {
        let after = device.draw(around.ground).between(100 * MS, 10 * S);
        around.ground.after(after, Event::Device(device.no, Doing::Made(device.run())));
        self.making = Some(delta);
    }

    fn event(&mut self, device: &mut Device, around: &mut Around<'_>, event: NodeEvent) {
        let reports = |version, status, detail| Some(ConfigReport { version, status, detail });
        match &event {
            // The program keeps what it runs, and what it refused, over a restart.
            NodeEvent::ConfigApplied { version, substituted: None } => {
                device.flash.borrow_mut().config = reports(*version, ConfigStatus::Applied, None);
            }
            NodeEvent::ConfigApplied { version, substituted } => {
                device.flash.borrow_mut().config = reports(*version, ConfigStatus::Substituted, substituted.clone());
            }
            NodeEvent::ConfigRejected { version, why } => {
                device.flash.borrow_mut().config = reports(*version, ConfigStatus::Rejected, Some(why.clone()));
            }
            NodeEvent::UpdateApplied { .. } => device.flash.borrow_mut().fallback = None,
            NodeEvent::CommandFinished(result) if self.reboots_after == Some(result.command) => {
                self.reboots_after = None;
                let after = device.draw(around.ground).between(50 * MS, 2 * S);
                around.ground.after(after, Event::Device(device.no, Doing::Restart(device.run(), 3 * S)));
            }
            _ => {}
        }
        around.ground.saw(Seen::Event { who: device.who(), event });
    }

    fn execute(&mut self, device: &mut Device, around: &mut Around<'_>, command: Command) {
        let (number, name) = (command.number(), command.name().to_owned());
        let act = command_act(&name);
        around.ground.saw(Seen::Executed { who: device.who(), command: number, name });
        let mut draw = device.draw(around.ground);
        let later = |around: &mut Around<'_>, after, doing| around.ground.after(after, Event::Device(device.no, doing));
        match act {
            Act::AtOnce => command.done("here"),
            Act::Slowly => {
                let after = draw.between(S, 120 * S);
                later(around, after, Doing::CommandDone(device.run(), number));
                self.command = Some(command);
            }
            Act::Fails => command.failed("x".repeat(3_000)),
            Act::Restarts => {
                self.reboots_after = Some(number);
                command.done("restarting");
            }
            Act::PowerFails => {
                let (after, off) = (draw.between(0, 5 * S), draw.between(5 * S, 60 * S));
                later(around, after, Doing::Crash(device.run(), off));
                self.command = Some(command);
            }
        }
    }

    fn install(&mut self, device: &mut Device, around: &mut Around<'_>, firmware: Box<Firmware>) {
        let (sha256, size) = described(device.flash.borrow().file(firmware.path()).unwrap_or_default());
        let version = firmware.version().to_owned();
        around.ground.saw(Seen::Installed { who: device.who(), version, sha256, size });
        let after = device.draw(around.ground).between(2 * S, 30 * S);
        around.ground.after(after, Event::Device(device.no, Doing::Installed(device.run())));
        self.installing = Some(firmware);
    }
}
