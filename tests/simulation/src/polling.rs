//! A run of a device that polls, and the world's hands for what its program asks for.

use std::path::PathBuf;

use rollcall_fleet::{Act, BadConfig, BadImage, How, Seen, command_act, flood_text};
use rollcall_machine::Downloaded;
use rollcall_wire::{CommandStatus, ConfigNews, ConfigReport, ConfigStatus, NodeMessage, ServerMessage, sha256};

use crate::device::{Around, Device};
use crate::event::{Doing, Event, ExchangeNo, HttpReply, HttpRequest};
use crate::exchanges::{Caller, PATIENCE};
use crate::images::{Download, described};
use crate::kernel::{MS, Micros, S};
use crate::poller::{Poller, Wish};
use crate::said::{node_message, server_message};
use crate::socketed::document;

/// How long a configuration may cut the device off before it is rolled back.
const PROOF: Micros = 60 * S;
/// How often a document is fetched, and the URL of an image asked for.
const TRIES: u32 = 6;

/// A run of a polling program.
pub(crate) struct Polling {
    poller: Poller,
    booted: Micros,
    /// The number of the alarm for the next poll.
    alarm: u64,
    /// The poll that is under way.
    asked: Option<ExchangeNo>,
    /// The next poll is due at once after the one that is under way.
    hurried: bool,
    /// The document that is being fetched, and how often that was tried.
    config: Option<(ConfigNews, u32)>,
    /// The version whose image is being got, and how often that was tried.
    image: Option<(String, u32)>,
    download: Option<Download>,
    downloads: u64,
    command: Option<u64>,
    /// The result of the command after which the device restarts was stated.
    reboots: bool,
    /// The configuration that cuts the device off, and the report before it.
    cut_off: Option<(u64, Option<ConfigReport>)>,
}

impl Polling {
    /// A run that begins now.
    pub(crate) fn new(device: &Device, around: &mut Around<'_>) -> Self {
        let booted = around.ground.now();
        device.mood.now.set(booted);
        Self {
            poller: Poller::new(&mut device.flash.borrow_mut()),
            booted,
            alarm: 0,
            asked: None,
            hurried: false,
            config: None,
            image: None,
            download: None,
            downloads: 0,
            command: None,
            reboots: false,
            cut_off: None,
        }
    }

    /// The first poll follows soon.
    pub(crate) fn begin(&mut self, device: &mut Device, around: &mut Around<'_>) {
        let after = device.draw(around.ground).below(30 * S);
        self.poll_after(device, around, after);
    }

    /// The alarm with this number rings: a poll is due.
    pub(crate) fn poll(&mut self, device: &mut Device, around: &mut Around<'_>, number: u64) {
        if number != self.alarm || self.asked.is_some() {
            return;
        }
        device.mood.now.set(around.ground.now());
        let check_in = self.poller.compose(&device.flash.borrow(), around.ground.now() - self.booted);
        let message = NodeMessage::CheckIn(check_in);
        let Ok(body) = serde_json::to_string(&message) else { return };
        around.ground.saw_text(Seen::Sent { who: device.who(), link: None, message }, &body);
        let request = device.request("POST", "/v1/check-in".to_owned(), Some(body));
        self.asked = Some(ask(device, around, Caller::Poll(device.no, device.run()), request));
    }

    /// A poll was answered, or not.
    pub(crate) fn polled(&mut self, device: &mut Device, around: &mut Around<'_>, reply: Option<&HttpReply>) {
        self.asked = None;
        device.mood.now.set(around.ground.now());
        let who = device.who();
        let status = reply.map_or(0, |reply| reply.status);
        let message = reply.and_then(|reply| server_message(reply.body.as_deref()?));
        if let Some(message) = message.clone() {
            around.ground.saw(Seen::Received { who, link: None, message });
        }
        around.ground.saw(Seen::PollAnswered { who, status });
        let after = if let (200, Some(ServerMessage::Ack(ack))) = (status, message) {
            let (after, wishes) = self.poller.acked(&mut device.flash.borrow_mut(), &ack);
            for wish in wishes {
                self.grant(device, around, wish);
            }
            if self.reboots && self.command.is_none() {
                self.reboots = false;
                around.ground.after(S, Event::Device(device.no, Doing::Restart(device.run(), 3 * S)));
            }
            after
        } else {
            let retry_after = reply.and_then(|reply| reply.retry_after);
            let mut draw = device.draw(around.ground);
            self.poller.failed(status, retry_after, &mut draw)
        };
        let hurried = std::mem::take(&mut self.hurried) && status == 200;
        self.poll_after(device, around, if hurried { after.min(200 * MS) } else { after });
    }

    /// A document that was fetched has come, or has not.
    pub(crate) fn fetched(
        &mut self,
        device: &mut Device,
        around: &mut Around<'_>,
        version: u64,
        reply: Option<&HttpReply>,
    ) {
        let Some((news, tries)) = self.config.take_if(|(news, _)| news.version == version) else { return };
        device.mood.now.set(around.ground.now());
        match reply.map(document) {
            Some(Ok(text)) => self.configure(device, around, &news, &text),
            _ if tries >= TRIES => {
                let why = Some("the document could not be fetched".to_owned());
                self.report(device, around, news.version, ConfigStatus::Rejected, why);
            }
            _ => {
                self.config = Some((news, tries + 1));
                again_later(device, around, tries);
            }
        }
    }

    /// A misbehaving program sends so many polls at once, some of them unreadable.
    pub(crate) fn flood(&mut self, device: &Device, around: &mut Around<'_>, messages: u32) {
        around.ground.hit("flood");
        for body in (0..messages).map(flood_text) {
            if let Some(message) = node_message(&body) {
                around.ground.saw(Seen::Sent { who: device.who(), link: None, message });
            }
            let path = "/v1/check-in".to_owned();
            let request = device.request("POST", path, Some(body));
            around.exchanges.ask(around.ground, around.network, Caller::Flood(device.no), request);
        }
    }

    /// What failed before is tried again.
    pub(crate) fn try_now(&mut self, device: &mut Device, around: &mut Around<'_>) {
        self.fetch(device, around);
        if self.download.is_none() {
            self.locate(device, around);
        }
    }

    /// The URL of an image has come, or has not.
    pub(crate) fn located(&mut self, device: &mut Device, around: &mut Around<'_>, reply: Option<&HttpReply>) {
        let Some((version, tries)) = self.image.clone() else { return };
        let message =
            reply.filter(|reply| reply.status == 200).and_then(|reply| server_message(reply.body.as_deref()?));
        match message {
            Some(ServerMessage::FirmwareUrl(target)) => {
                let who = device.who();
                let message = ServerMessage::FirmwareUrl(target.clone());
                around.ground.saw(Seen::Received { who, link: None, message });
                self.downloads += 1;
                let download = Download::new(target);
                let mut draw = device.draw(around.ground);
                let way = around.network.round_trip(around.ground.now(), device.no, &mut draw);
                let takes = way.map_or(30 * S, |way| way + download.takes(&mut draw));
                self.download = Some(download);
                let doing = Doing::Downloaded(device.run(), self.downloads);
                around.ground.after(takes, Event::Device(device.no, doing));
            }
            _ => self.try_again(device, around, version, tries, "no URL"),
        }
    }

    /// The download with this number is over.
    pub(crate) fn downloaded(&mut self, device: &mut Device, around: &mut Around<'_>, number: u64) {
        if number != self.downloads {
            return;
        }
        let (Some(download), Some((version, tries))) = (self.download.take(), self.image.clone()) else { return };
        device.mood.now.set(around.ground.now());
        let passes = around.network.passes(around.ground.now(), device.no);
        let (downloaded, hit) =
            download.finish(&mut device.flash.borrow_mut(), device.mood.bad_image(), around.ground.now(), passes);
        if let Some(hit) = hit {
            around.ground.hit(hit);
        }
        match downloaded {
            Downloaded::Complete(path) => self.install(device, around, version, &path),
            _ => self.try_again(device, around, version, tries, "the download failed"),
        }
    }

    /// The program has installed an image, or failed to. Returns whether the device restarts.
    pub(crate) fn installed(&mut self, device: &mut Device, around: &mut Around<'_>) -> bool {
        let Some((version, _)) = self.image.take() else { return false };
        device.mood.now.set(around.ground.now());
        let bad = device.mood.bad_image();
        if bad == Some(BadImage::NotInstalled) {
            around.ground.hit("image-not-installed");
            device.flash.borrow_mut().journal.installing = None;
            self.give_up(device, around, &version, "the slot is damaged");
            return false;
        }
        let comes_up = bad != Some(BadImage::DoesNotStart);
        if !comes_up {
            around.ground.hit("image-does-not-start");
        }
        device.swap(&version, comes_up);
        true
    }

    /// The program has done a command.
    pub(crate) fn command_done(&mut self, device: &mut Device, around: &mut Around<'_>, number: u64) {
        if self.command.take_if(|command| *command == number).is_some() {
            self.ended(device, around, CommandStatus::Done, "done after a while");
        }
    }

    /// The configuration that cuts the device off is rolled back.
    pub(crate) fn cut_off_over(&mut self, device: &mut Device, around: &mut Around<'_>) {
        let Some((version, before)) = self.cut_off.take() else { return };
        around.network.cut_off(around.ground, device.no, false);
        around.ground.saw(Seen::RolledBack { who: device.who(), version });
        device.flash.borrow_mut().config = before;
        let why = Some("rolled back".to_owned());
        self.report(device, around, version, ConfigStatus::Rejected, why);
    }

    fn poll_after(&mut self, device: &Device, around: &mut Around<'_>, after: Micros) {
        self.alarm += 1;
        around.ground.after(after, Event::Device(device.no, Doing::Poll(device.run(), self.alarm)));
    }

    /// There is something that the server should know: the next poll is due, after the one that is under way.
    fn hurry(&mut self, device: &Device, around: &mut Around<'_>) {
        if self.asked.is_some() {
            self.hurried = true;
        } else {
            self.poll_after(device, around, 200 * MS);
        }
    }

    fn grant(&mut self, device: &mut Device, around: &mut Around<'_>, wish: Wish) {
        match wish {
            Wish::Execute(number, name) => self.execute(device, around, number, name),
            Wish::Configure(news) => match news.document.clone() {
                Some(text) => self.configure(device, around, &news, &text),
                None => {
                    self.config = Some((news, 1));
                    self.fetch(device, around);
                }
            },
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

    fn ended(&mut self, device: &mut Device, around: &mut Around<'_>, status: CommandStatus, output: &str) {
        self.poller.ended(&mut device.flash.borrow_mut(), status, output);
        self.hurry(device, around);
    }

    fn configure(&mut self, device: &mut Device, around: &mut Around<'_>, news: &ConfigNews, text: &str) {
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

    fn report(
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

    fn fetch(&mut self, device: &mut Device, around: &mut Around<'_>) {
        let Some((news, _)) = &self.config else { return };
        let path = format!("/v1/configs/{}", news.sha256);
        let caller = Caller::Document(device.no, device.run(), news.version);
        let request = device.request("GET", path, None);
        ask(device, around, caller, request);
    }

    fn locate(&mut self, device: &mut Device, around: &mut Around<'_>) {
        let Some((version, _)) = &self.image else { return };
        let request = device.request("GET", format!("/v1/firmware/{version}"), None);
        ask(device, around, Caller::Image(device.no, device.run()), request);
    }

    fn try_again(&mut self, device: &mut Device, around: &mut Around<'_>, version: String, tries: u32, why: &str) {
        if tries >= TRIES || !self.poller.downloads(&version) {
            self.image = None;
            return self.give_up(device, around, &version, why);
        }
        self.image = Some((version, tries + 1));
        again_later(device, around, tries);
    }

    fn give_up(&mut self, device: &mut Device, around: &mut Around<'_>, version: &str, why: &str) {
        self.poller.gave_up(version, why);
        self.hurry(device, around);
    }

    fn install(&mut self, device: &mut Device, around: &mut Around<'_>, version: String, path: &PathBuf) {
        let image = device.flash.borrow().images.get(path).map(described);
        let (sha256, size) = image.unwrap_or_default();
        device.flash.borrow_mut().journal.installing = Some(version.clone());
        around.ground.saw(Seen::Installed { who: device.who(), version, sha256, size });
        let after = device.draw(around.ground).between(2 * S, 30 * S);
        around.ground.after(after, Event::Device(device.no, Doing::Installed(device.run())));
    }
}

fn again_later(device: &mut Device, around: &mut Around<'_>, tries: u32) {
    let after = device.draw(around.ground).between(S, 20 * S * u64::from(tries));
    around.ground.after(after, Event::Device(device.no, Doing::TryAgain(device.run())));
}

fn ask(device: &Device, around: &mut Around<'_>, caller: Caller, request: HttpRequest) -> ExchangeNo {
    let exchange = around.exchanges.ask(around.ground, around.network, caller, request);
    around.ground.after(PATIENCE, Event::Device(device.no, Doing::NoReply(exchange)));
    exchange
}
