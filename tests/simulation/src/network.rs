//! The networks between devices and the cloud. TCP loses no single frame: what does not get through waits, or the
//! connection is over.

use rollcall_machine::LinkId;

use crate::draw::{Draw, Who};
use crate::event::{ConnNo, DeviceNo, Down, Event, Hello, Traffic, Up, WireNo};
use crate::exchanges::PATIENCE;
use crate::ground::Ground;
use crate::kernel::{MS, Micros, S};

/// How long the system of a device goes on sending what a closed socket still held (Linux, `tcp_orphan_retries`).
const ORPHAN: Micros = 100 * S;
/// How long after a partition a waiting frame is sent again at most: the retransmission timer has backed off.
const RETRANSMISSION: Micros = 3 * S;

/// All networks and TCP connections.
#[derive(Debug, Default)]
pub(crate) struct Network {
    paths: Vec<Path>,
    wires: Vec<Wire>,
}

/// The network of a device.
#[derive(Debug)]
struct Path {
    /// How long a frame takes each way: at least, and so much longer at most.
    takes: (Micros, Micros),
    slow: (Micros, u64),
    /// Until when nothing passes: to the cloud, to the device.
    partitioned: [Micros; 2],
    /// The device's configuration cuts it off.
    cut_off: bool,
    /// Whether the device's system runs, and answers what nobody expects with a reset.
    powered: bool,
    /// What waits for the end of a partition, since when: to the cloud, to the device.
    held: [Vec<(Micros, Traffic)>; 2],
    dials: u64,
}

/// A TCP connection.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) device: DeviceNo,
    /// Its number within the run of the device.
    pub(crate) link: LinkId,
    /// How many connections the device had opened before.
    pub(crate) nth: u64,
    pub(crate) end: End,
    /// The connection at the gateway; `None` before the handshake and after the end there.
    pub(crate) conn: Option<ConnNo>,
    /// Whether the gateway's end was opened, and is over.
    pub(crate) over: bool,
    hello: Option<Box<Hello>>,
    /// When the last frame arrives: at the gateway, at the device. No other one arrives before it.
    last: [Micros; 2],
    /// Until when frames wait for one before them that is sent again.
    resumes: [Micros; 2],
    draw: Draw,
}

/// The device's end of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Opening,
    Open,
    /// The device has sent a close frame.
    Closing,
    Gone,
}

const UP: usize = 0;
const DOWN: usize = 1;

impl Network {
    /// Connects a device to a network, which takes 150 to 400 ms each way if it is far, and 5 to 40 ms if not.
    pub(crate) fn add(&mut self, ground: &Ground, device: DeviceNo, far: bool) {
        let mut draw = ground.draw(Who::Nature(device), 0);
        let (from, to) = if far { (150 * MS, 400 * MS) } else { (5 * MS, 40 * MS) };
        let least = draw.between(from, u64::midpoint(from, to));
        self.paths.push(Path {
            takes: (least, to - least),
            slow: (0, 1),
            partitioned: [0; 2],
            cut_off: false,
            powered: false,
            held: [vec![], vec![]],
            dials: 0,
        });
    }

    pub(crate) fn wire(&mut self, wire: WireNo) -> &mut Wire {
        &mut self.wires[wire]
    }

    /// The device's system runs, or does not.
    pub(crate) fn power(&mut self, device: DeviceNo, on: bool) {
        self.paths[device].powered = on;
        if !on {
            self.paths[device].held[UP].clear();
        }
    }

    /// Nothing passes for a while; or, if it is half open, only what the device sends does not.
    pub(crate) fn partition(&mut self, ground: &mut Ground, device: DeviceNo, until: Micros, half_open: bool) {
        let path = &mut self.paths[device];
        path.partitioned[UP] = path.partitioned[UP].max(until);
        if !half_open {
            path.partitioned[DOWN] = path.partitioned[DOWN].max(until);
        }
        ground.at(until, Event::Healed(device));
    }

    /// The network takes so many times longer for a while.
    pub(crate) fn slow(&mut self, device: DeviceNo, until: Micros, factor: u32) {
        self.paths[device].slow = (until, u64::from(factor.max(1)));
    }

    /// A configuration cuts the device off, or does so no longer.
    pub(crate) fn cut_off(&mut self, ground: &mut Ground, device: DeviceNo, is_cut_off: bool) {
        self.paths[device].cut_off = is_cut_off;
        if !is_cut_off {
            self.heal(ground, device);
        }
    }

    /// Opens a TCP connection, and asks for a WebSocket on it.
    pub(crate) fn dial(&mut self, ground: &mut Ground, device: DeviceNo, link: LinkId, hello: Hello) -> WireNo {
        let path = &mut self.paths[device];
        path.dials += 1;
        let nth = path.dials;
        self.wires.push(Wire {
            device,
            link,
            nth,
            end: End::Opening,
            conn: None,
            over: false,
            hello: Some(Box::new(hello)),
            last: [0; 2],
            resumes: [0; 2],
            draw: ground.draw(Who::Wire(device), nth),
        });
        let wire = self.wires.len() - 1;
        self.up(ground, wire, Up::Greeting);
        wire
    }

    /// Sends something to the gateway.
    pub(crate) fn up(&mut self, ground: &mut Ground, wire: WireNo, up: Up) {
        let at = self.arrival(ground.now(), wire, UP);
        ground.at(at, Event::Arrived(Traffic::Up(wire, up)));
    }

    /// Sends something to the device.
    pub(crate) fn down(&mut self, ground: &mut Ground, wire: WireNo, down: Down) {
        let at = self.arrival(ground.now(), wire, DOWN);
        ground.at(at, Event::Arrived(Traffic::Down(wire, down)));
    }

    /// Sends a ping. Its way to a gateway that is there is no event of its own.
    pub(crate) fn ping(&mut self, ground: &mut Ground, wire: WireNo) {
        let (now, this) = (ground.now(), &self.wires[wire]);
        if this.over || self.paths[this.device].is_blocked(now, UP) {
            return self.up(ground, wire, Up::Ping);
        }
        let there = self.delay(now, wire) + self.delay(now, wire);
        ground.after(there, Event::Arrived(Traffic::Down(wire, Down::Pong)));
    }

    /// The device drops its end without a closing handshake.
    pub(crate) fn abandon(&mut self, ground: &mut Ground, wire: WireNo) {
        let before = std::mem::replace(&mut self.wires[wire].end, End::Gone);
        // Nothing is sent before TCP and TLS are set up.
        if before != End::Gone && self.wires[wire].hello.is_none() && !self.wires[wire].over {
            self.up(ground, wire, Up::Reset);
        }
    }

    /// Sends a request by HTTP, on a TCP connection of its own.
    pub(crate) fn ask(&mut self, ground: &mut Ground, device: DeviceNo, exchange: usize, draw: &mut Draw) {
        let way = 3 * self.paths[device].takes(ground.now(), draw);
        ground.after(way, Event::Arrived(Traffic::Ask(device, exchange)));
    }

    /// Sends the answer to a request by HTTP.
    pub(crate) fn reply(&mut self, ground: &mut Ground, device: DeviceNo, exchange: usize, draw: &mut Draw) {
        let way = self.paths[device].takes(ground.now(), draw);
        ground.after(way, Event::Arrived(Traffic::Reply(device, exchange)));
    }

    /// Whether anything passes between a device and the internet, both ways.
    pub(crate) fn passes(&self, now: Micros, device: DeviceNo) -> bool {
        let path = &self.paths[device];
        !path.is_blocked(now, UP) && !path.is_blocked(now, DOWN)
    }

    /// How long a device takes to begin a download; `None` if nothing passes.
    pub(crate) fn round_trip(&self, now: Micros, device: DeviceNo, draw: &mut Draw) -> Option<Micros> {
        self.passes(now, device).then(|| 4 * self.paths[device].takes(now, draw))
    }

    /// Something arrives, unless it has to wait. What TCP does by itself goes no further.
    pub(crate) fn arrived(&mut self, ground: &mut Ground, traffic: Traffic) -> Option<Traffic> {
        let (device, direction) = match &traffic {
            Traffic::Up(wire, _) => (self.wires[*wire].device, UP),
            Traffic::Down(wire, _) => (self.wires[*wire].device, DOWN),
            Traffic::Ask(device, _) => (*device, UP),
            Traffic::Reply(device, _) => (*device, DOWN),
        };
        if self.waits(ground, device, direction, &traffic) {
            self.paths[device].held[direction].push((ground.now(), traffic));
            return None;
        }
        if let Traffic::Up(wire, _) | Traffic::Down(wire, _) = &traffic
            && self.wires[*wire].resumes[direction] > ground.now()
        {
            ground.at(self.wires[*wire].resumes[direction], Event::Arrived(traffic));
            return None;
        }
        match traffic {
            Traffic::Up(wire, Up::Greeting) => self.down(ground, wire, Down::Greeting),
            Traffic::Up(wire, up) if self.wires[wire].over => {
                // The gateway's end is gone. What still comes is answered with a reset.
                if !matches!(up, Up::Close(_) | Up::Reset) {
                    self.down(ground, wire, Down::Reset);
                }
            }
            Traffic::Up(wire, Up::Ping) => self.down(ground, wire, Down::Pong),
            Traffic::Down(wire, Down::Greeting) => self.set_up(ground, wire),
            Traffic::Down(wire, down) if self.wires[wire].end == End::Gone => self.unexpected(ground, wire, &down),
            other => return Some(other),
        }
        None
    }

    /// Partitions may be over: what waits is sent again.
    pub(crate) fn heal(&mut self, ground: &mut Ground, device: DeviceNo) {
        let now = ground.now();
        let again = now + ground.draw(Who::Nature(device), now).below(RETRANSMISSION);
        for direction in [UP, DOWN] {
            if self.paths[device].is_blocked(now, direction) {
                continue;
            }
            for (since, traffic) in std::mem::take(&mut self.paths[device].held[direction]) {
                // No client waits for so long, and the system gives up what its clients no longer wait for.
                if matches!(traffic, Traffic::Ask(..)) && now - since > PATIENCE + ORPHAN {
                    continue;
                }
                if let Traffic::Up(wire, _) | Traffic::Down(wire, _) = &traffic {
                    let wire = &mut self.wires[*wire];
                    // The system has given up what the program no longer waits for.
                    if direction == UP && wire.end == End::Gone && now - since > ORPHAN {
                        continue;
                    }
                    wire.resumes[direction] = again;
                }
                ground.at(again, Event::Arrived(traffic));
            }
        }
    }

    /// Whether something that arrives has to wait for the end of a partition.
    fn waits(&self, ground: &mut Ground, device: DeviceNo, direction: usize, traffic: &Traffic) -> bool {
        let (path, now) = (&self.paths[device], ground.now());
        if !path.is_blocked(now, direction) {
            // Nothing overtakes what waits.
            return !path.held[direction].is_empty();
        }
        if path.partitioned[direction] > now && !matches!(traffic, Traffic::Down(_, Down::Pong)) {
            ground.hit(path.partition_name(now));
        }
        true
    }

    fn set_up(&mut self, ground: &mut Ground, wire: WireNo) {
        if self.wires[wire].end == End::Opening
            && let Some(hello) = self.wires[wire].hello.take()
        {
            self.up(ground, wire, Up::Hello(hello));
        }
    }

    /// Something comes for a socket that the device does not have any more. A system that runs answers with a reset.
    fn unexpected(&mut self, ground: &mut Ground, wire: WireNo, down: &Down) {
        let answers = self.paths[self.wires[wire].device].powered && !matches!(down, Down::Reset | Down::Close(..));
        if answers && !self.wires[wire].over {
            self.up(ground, wire, Up::Reset);
        }
    }

    fn arrival(&mut self, now: Micros, wire: WireNo, direction: usize) -> Micros {
        let at = (now + self.delay(now, wire)).max(self.wires[wire].last[direction]);
        self.wires[wire].last[direction] = at;
        at
    }

    fn delay(&mut self, now: Micros, wire: WireNo) -> Micros {
        let wire = &mut self.wires[wire];
        self.paths[wire.device].takes(now, &mut wire.draw)
    }
}

impl Path {
    fn is_blocked(&self, now: Micros, direction: usize) -> bool {
        self.cut_off || self.partitioned[direction] > now
    }

    fn partition_name(&self, now: Micros) -> &'static str {
        if self.partitioned[DOWN] > now { "partition" } else { "half-open" }
    }

    fn takes(&self, now: Micros, draw: &mut Draw) -> Micros {
        let (least, more) = self.takes;
        let takes = least + draw.below(more + 1);
        if self.slow.0 > now { takes * self.slow.1 } else { takes }
    }
}
