//! A run of a device that polls, and the world's hands for what its program asks for.

use rollcall_fleet::{BadImage, Seen, flood_text};
use rollcall_machine::{Downloaded, Target};
use rollcall_wire::{CommandStatus, ConfigNews, ConfigReport, ConfigStatus, NodeMessage, ServerMessage};

use crate::device::{Around, Device};
use crate::event::{Doing, Event, ExchangeNo, HttpReply, HttpRequest};
use crate::exchanges::{Caller, PATIENCE};
use crate::images::Download;
use crate::kernel::{MS, Micros, S};
use crate::poller::Poller;
use crate::said::{node_message, server_message};
use crate::socketed::document;

/// How long a configuration may cut the device off before it is rolled back.
pub(crate) const PROOF: Micros = 60 * S;
/// How often a document is fetched, and the URL of an image asked for.
pub(crate) const TRIES: u32 = 6;

/// A run of a polling program.
pub(crate) struct Polling {
    pub(crate) poller: Poller,
    pub(crate) booted: Micros,
    /// The number of the alarm for the next poll.
    pub(crate) alarm: u64,
    /// The poll that is under way.
    pub(crate) asked: Option<ExchangeNo>,
    /// The next poll is due at once after the one that is under way.
    pub(crate) hurried: bool,
    /// The document that is being fetched, and how often that was tried.
    pub(crate) config: Option<(ConfigNews, u32)>,
    /// The version whose image is being got, and how often that was tried.
    pub(crate) image: Option<(String, u32)>,
    pub(crate) download: Option<Download>,
    pub(crate) downloads: u64,
    pub(crate) command: Option<u64>,
    /// The result of the command after which the device restarts was stated.
    pub(crate) reboots: bool,
    /// The configuration that cuts the device off, and the report before it.
    pub(crate) cut_off: Option<(u64, Option<ConfigReport>)>,
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
    pub(crate) fn flood(device: &Device, around: &mut Around<'_>, messages: u32) {
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
                let download = Download::new(Target::image(&target));
                let mut draw = device.draw(around.ground);
                let way = around.network.round_trip(around.ground.now(), device.no, &mut draw);
                let takes = way.map_or(30 * S, |way| way + Download::takes(&mut draw));
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
            Downloaded::Complete(path) => Self::install(device, around, version, &path),
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
    pub(crate) fn hurry(&mut self, device: &Device, around: &mut Around<'_>) {
        if self.asked.is_some() {
            self.hurried = true;
        } else {
            self.poll_after(device, around, 200 * MS);
        }
    }
}

pub(crate) fn again_later(device: &mut Device, around: &mut Around<'_>, tries: u32) {
    let after = device.draw(around.ground).between(S, 20 * S * u64::from(tries));
    around.ground.after(after, Event::Device(device.no, Doing::TryAgain(device.run())));
}

pub(crate) fn ask(device: &Device, around: &mut Around<'_>, caller: Caller, request: HttpRequest) -> ExchangeNo {
    let exchange = around.exchanges.ask(around.ground, around.network, caller, request);
    around.ground.after(PATIENCE, Event::Device(device.no, Doing::NoReply(exchange)));
    exchange
}
