//! What goes over the wire of a device, as the witness sees it.
//!
//! The gateway's side of a socket is not seen. It is taken to open when the device has the answer to its handshake, and to
//! end when the device ends it, or, if the network passes nothing at that time, when the network is back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rollcall_core::{ConnectionId, NodeId};
use rollcall_fleet::{Device, Seen};
use rollcall_node::{Tap, Traffic};
use rollcall_wire::{NodeMessage, ServerMessage};
use tokio::sync::watch;

use crate::device::Setup;
use crate::tunnel::Weather;
use crate::witness::{Witness, now};

/// The wire of one run of a device. Clones are the same wire.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Inner>);

struct Inner {
    who: Device,
    id: NodeId,
    credentials: u32,
    witness: Witness,
    weather: Option<Arc<watch::Sender<Weather>>>,
    open: Mutex<BTreeSet<u64>>,
}

impl Wire {
    pub(crate) fn new(who: Device, setup: &Setup) -> Self {
        let Setup { id, credentials, witness, weather, .. } = setup.clone();
        Self(Arc::new(Inner { who, id, credentials, witness, weather, open: Mutex::default() }))
    }

    /// Has the witness see what goes over the wire.
    pub(crate) fn tap(&self) -> Tap {
        let wire = self.clone();
        Arc::new(move |traffic| wire.see(traffic))
    }

    /// The device is gone, and with it everything that is open.
    pub(crate) fn lost(&self) {
        let open = std::mem::take(&mut *self.0.open.lock().unwrap_or_else(PoisonError::into_inner));
        for link in open {
            self.0.witness.see(Seen::LinkEnded { who: self.0.who, link, code: None });
            self.ended(link);
        }
    }

    fn see(&self, traffic: Traffic<'_>) {
        let Inner { who, witness, open, .. } = &*self.0;
        let who = *who;
        match traffic {
            Traffic::Opened { link } => {
                open.lock().unwrap_or_else(PoisonError::into_inner).insert(link);
                self.opened(link);
            }
            Traffic::Refused { status, .. } => witness.see(Seen::ConnectRefused { who, status }),
            Traffic::Sent { link, text } => {
                if let Ok(message) = serde_json::from_str::<NodeMessage>(text) {
                    witness.see(Seen::Sent { who, link: Some(link), message });
                }
            }
            Traffic::Received { link, text } => {
                if let Ok(message) = serde_json::from_str::<ServerMessage>(text) {
                    witness.see(Seen::Received { who, link: Some(link), message });
                }
            }
            Traffic::Ended { link, code } => {
                if open.lock().unwrap_or_else(PoisonError::into_inner).remove(&link) {
                    witness.see(Seen::LinkEnded { who, link, code });
                    self.ended(link);
                }
            }
        }
    }

    fn opened(&self, link: u64) {
        let Inner { who, id, credentials, witness, .. } = &*self.0;
        let Some(connection) = self.connection(link) else { return };
        witness.see(Seen::Handshake {
            node: id.clone(),
            connection: connection.clone(),
            credentials: *credentials,
            opened_at: now(),
        });
        witness.see(Seen::Open { node: id.clone(), connection: connection.clone() });
        witness.see(Seen::LinkOpened { who: *who, link, connection: Some(connection) });
    }

    fn ended(&self, link: u64) {
        let Inner { id, witness, weather, .. } = &*self.0;
        let Some(connection) = self.connection(link) else { return };
        let seen = Seen::Ended { node: id.clone(), connection };
        match weather.as_ref().filter(|weather| weather.borrow().up_is_dead) {
            None => witness.see(seen),
            Some(weather) => {
                let (mut weather, witness) = (weather.subscribe(), witness.clone());
                tokio::spawn(async move {
                    let _ = weather.wait_for(|weather| !weather.up_is_dead).await;
                    witness.see(seen);
                });
            }
        }
    }

    /// A name for the connection, whose id at the gateway is not seen.
    fn connection(&self, link: u64) -> Option<ConnectionId> {
        let Device { node, device, run } = self.0.who;
        format!("{node}-{device}-{run}-{link}").parse().ok()
    }
}
