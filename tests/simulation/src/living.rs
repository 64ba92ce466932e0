//! What happens to devices: each event goes to what runs there.

use crate::device::{Around, Device, Fate, Life};
use crate::event::{DeviceNo, Doing, Event, HttpReply};
use crate::exchanges::Caller;
use crate::kernel::{MS, S};
use crate::polling::Polling;
use crate::world::World;

impl World {
    /// A request by HTTP was answered, or not.
    pub(crate) fn answered(&mut self, caller: Caller, reply: Option<&HttpReply>) {
        match caller {
            Caller::Application(conversation, _) => {
                let Self { ground, application, .. } = self;
                application.answered(ground, conversation, reply);
            }
            Caller::Poll(device, run) => self.live_in(device, run, |life, device, around| {
                if let Life::Polling(polling) = life {
                    polling.polled(device, around, reply);
                }
                Fate::GoesOn
            }),
            Caller::Document(device, run, version) => self.live_in(device, run, |life, device, around| match life {
                Life::Socketed(run) => run.fetched(device, around, version, reply),
                Life::Polling(run) => {
                    run.fetched(device, around, version, reply);
                    Fate::GoesOn
                }
                Life::Nothing => Fate::GoesOn,
            }),
            Caller::Flood(_) => {}
            Caller::Image(device, run) => self.live_in(device, run, |life, device, around| {
                if let Life::Polling(polling) = life {
                    polling.located(device, around, reply);
                }
                Fate::GoesOn
            }),
        }
    }

    /// Lets what runs on a device do something, and has follow what follows.
    pub(crate) fn live(&mut self, device: DeviceNo, act: impl FnOnce(&mut Life, &mut Device, &mut Around<'_>) -> Fate) {
        let Self { ground, network, exchanges, devices, .. } = self;
        let device = &mut devices[device];
        let mut around = Around { ground, network, exchanges };
        let mut life = std::mem::replace(device.life(), Life::Nothing);
        let fate = act(&mut life, device, &mut around);
        *device.life() = life;
        device.follow(&mut around, fate);
    }

    /// The same, if the device is still in this run.
    fn live_in(
        &mut self,
        device: DeviceNo,
        run: u32,
        act: impl FnOnce(&mut Life, &mut Device, &mut Around<'_>) -> Fate,
    ) {
        if self.devices[device].is_running() && self.devices[device].run() == run {
            self.live(device, act);
        }
    }

    pub(crate) fn with(&mut self, device: DeviceNo, act: impl FnOnce(&mut Device, &mut Around<'_>)) {
        let Self { ground, network, exchanges, devices, .. } = self;
        act(&mut devices[device], &mut Around { ground, network, exchanges });
    }

    fn is_in(&self, device: DeviceNo, run: u32) -> bool {
        self.devices[device].is_running() && self.devices[device].run() == run
    }

    /// Something happens to a device.
    pub(crate) fn does(&mut self, device: DeviceNo, doing: Doing) {
        match doing {
            Doing::Start(planned) => self.with(device, |device, around| device.start(around, planned)),
            Doing::Restart(run, after) if self.is_in(device, run) => {
                self.with(device, |device, around| device.restart(around, after));
            }
            Doing::Crash(run, after) if self.is_in(device, run) => {
                self.with(device, |device, around| device.crash(around, after));
            }
            Doing::Unproven(run) if self.is_in(device, run) => self.with(device, Device::unproven),
            Doing::Leave => self.with(device, Device::leave),
            Doing::Restart(..) | Doing::Crash(..) | Doing::Unproven(_) => {}
            Doing::NoReply(exchange) => {
                if let Some(caller) = self.exchanges.give_up(exchange) {
                    self.answered(caller, None);
                }
            }
            Doing::Installed(run) => self.installed(device, run),
            Doing::Made(run) => self.live_in(device, run, |life, device, around| match life {
                Life::Socketed(run) => run.made(device, around),
                Life::Nothing | Life::Polling(_) => Fate::GoesOn,
            }),
            Doing::Wake(number) => self.live(device, |life, device, around| match life {
                Life::Socketed(run) => run.rings(device, around, number),
                Life::Nothing | Life::Polling(_) => Fate::GoesOn,
            }),
            Doing::CloseTimedOut(wire) => self.live(device, |life, device, around| match life {
                Life::Socketed(run) => run.close_timed_out(device, around, wire),
                Life::Nothing | Life::Polling(_) => Fate::GoesOn,
            }),
            Doing::CommandDone(run, number) => self.live_in(device, run, |life, device, around| match life {
                Life::Socketed(run) => run.command_done(device, around, number),
                Life::Polling(run) => {
                    run.command_done(device, around, number);
                    Fate::GoesOn
                }
                Life::Nothing => Fate::GoesOn,
            }),
            Doing::Downloaded(run, number) => self.live_in(device, run, |life, device, around| match life {
                Life::Socketed(run) => run.downloaded(device, around, number),
                Life::Polling(run) => {
                    run.downloaded(device, around, number);
                    Fate::GoesOn
                }
                Life::Nothing => Fate::GoesOn,
            }),
            Doing::TryAgain(run) => self.polls(device, run, Polling::try_now),
            Doing::CutOffOver(run) => self.polls(device, run, Polling::cut_off_over),
            Doing::Poll(run, number) => self.polls(device, run, |run, device, around| run.poll(device, around, number)),
        }
    }

    fn polls(&mut self, device: DeviceNo, run: u32, act: impl FnOnce(&mut Polling, &mut Device, &mut Around<'_>)) {
        self.live_in(device, run, |life, device, around| {
            if let Life::Polling(polling) = life {
                act(polling, device, around);
            }
            Fate::GoesOn
        });
    }

    fn installed(&mut self, device: DeviceNo, run: u32) {
        let mut restarts = false;
        self.live_in(device, run, |life, device, around| match life {
            Life::Socketed(run) => {
                let (fate, restarting) = run.installed(device, around);
                restarts = restarting;
                fate
            }
            Life::Polling(run) => {
                restarts = run.installed(device, around);
                Fate::GoesOn
            }
            Life::Nothing => Fate::GoesOn,
        });
        if restarts {
            let after = self.devices[device].draw(&self.ground).between(100 * MS, 2 * S);
            self.ground.after(after, Event::Device(device, Doing::Restart(run, 3 * S)));
        }
    }
}
