//! API Gateway's HTTP API: requests of devices and of the application, and their answers.

use crate::clocks::HOSTS;
use crate::draw::{Draw, Who};
use crate::event::{
    DeviceNo, Event, ExchangeNo, Function, HttpReply, HttpRequest, Invoking, Payload, Purpose, Returned,
};
use crate::faults::Fault;
use crate::ground::Ground;
use crate::kernel::{MS, Micros, S};
use crate::network::Network;

/// How long the gateway waits for a function (Amazon API Gateway quotas, HTTP API).
const INTEGRATION: Micros = 30 * S;
/// How long a client waits for an answer.
pub(crate) const PATIENCE: Micros = 35 * S;

/// All requests by HTTP.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    exchanges: Vec<Exchange>,
    /// How many requests the application and each device have made.
    counts: Vec<u64>,
}

/// A request and its answer.
#[derive(Debug)]
struct Exchange {
    caller: Caller,
    request: Option<HttpRequest>,
    reply: Option<HttpReply>,
    /// Whether the caller still waits.
    open: bool,
    /// Whether the network let anything pass when the request was made.
    passed: bool,
    draw: Draw,
}

/// Who makes a request, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A run of a device polls.
    Poll(DeviceNo, u32),
    /// A run of a device fetches the document of this configuration version.
    Document(DeviceNo, u32, u64),
    /// A run of a device asks for the URL of an image.
    Image(DeviceNo, u32),
    /// A misbehaving program of a device, which waits for no answer.
    Flood(DeviceNo),
    /// A conversation of the application, and the attempt.
    Application(usize, u32),
}

impl Caller {
    fn device(self) -> Option<DeviceNo> {
        match self {
            Self::Poll(device, _) | Self::Document(device, ..) | Self::Image(device, _) | Self::Flood(device) => {
                Some(device)
            }
            Self::Application(..) => None,
        }
    }
}

impl Exchanges {
    /// Makes a request.
    pub(crate) fn ask(
        &mut self,
        ground: &mut Ground,
        network: &mut Network,
        caller: Caller,
        request: HttpRequest,
    ) -> ExchangeNo {
        let number = self.exchanges.len();
        let place = caller.device().map_or(0, |device| device + 1);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += 1;
        let who = caller.device().map_or(Who::Application(0), Who::Exchange);
        let mut draw = ground.draw(who, self.counts[place]);
        if let Some(device) = caller.device() {
            network.ask(ground, device, number, &mut draw);
        } else {
            let way = draw.between(2 * MS, 20 * MS);
            ground.after(way, Event::Requested(number));
        }
        let passed = caller.device().is_none_or(|device| network.passes(ground.now(), device));
        self.exchanges.push(Exchange { caller, request: Some(request), reply: None, open: true, passed, draw });
        number
    }

    /// A request gets to the gateway. `admits`: it is within the rate of requests.
    pub(crate) fn arrived(&mut self, ground: &mut Ground, network: &mut Network, number: ExchangeNo, admits: bool) {
        let exchange = &mut self.exchanges[number];
        let Some(mut request) = exchange.request.take() else { return };
        // Who has given up before there was a TCP connection has sent nothing. What was on its way comes all the same.
        if !exchange.open && !exchange.passed {
            return;
        }
        if !admits {
            return self.returned(ground, network, number, Returned::Throttled);
        }
        let host = usize::try_from(exchange.draw.below(HOSTS as u64)).unwrap_or_default();
        request.at = ground.clock(host);
        let behalf = exchange.caller.device();
        let function = if behalf.is_some() { Function::Poll } else { Function::Console };
        let (payload, purpose) = (Payload::Http(Box::new(request)), Purpose::Http(number));
        ground.soon(Event::Invoke(Box::new(Invoking { function, payload, purpose, behalf, patience: INTEGRATION })));
    }

    /// The function of a request has returned.
    pub(crate) fn returned(
        &mut self,
        ground: &mut Ground,
        network: &mut Network,
        number: ExchangeNo,
        returned: Returned,
    ) {
        let of_gateway = |status| HttpReply { status, ..HttpReply::default() };
        let reply = match returned {
            Returned::Http(reply) => reply,
            Returned::Throttled => of_gateway(429),
            Returned::TimedOut => of_gateway(503),
            _ => of_gateway(500),
        };
        let exchange = &mut self.exchanges[number];
        exchange.reply = Some(reply);
        if let Some(device) = exchange.caller.device() {
            return network.reply(ground, device, number, &mut exchange.draw);
        }
        let way = exchange.draw.between(2 * MS, 20 * MS);
        // Answers get lost on their way to the application, too. It waits in vain then.
        if !ground.hits(Fault::AnswersLost, &mut exchange.draw) {
            ground.after(way, Event::Replied(number));
        }
    }

    /// The answer to a request has come back; `None` if nobody waits for it any more.
    pub(crate) fn replied(&mut self, number: ExchangeNo) -> Option<(Caller, HttpReply)> {
        let exchange = &mut self.exchanges[number];
        let reply = exchange.reply.take()?;
        std::mem::take(&mut exchange.open).then_some((exchange.caller, reply))
    }

    /// The caller waits no longer; `None` if it had stopped waiting before.
    pub(crate) fn give_up(&mut self, number: ExchangeNo) -> Option<Caller> {
        let exchange = &mut self.exchanges[number];
        std::mem::take(&mut exchange.open).then_some(exchange.caller)
    }
}
