//! A cloud on loopback, or one that is deployed somewhere: what a scenario sees that runs on every backend.

use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt as _;
use rollcall_core::Attribute;
use rollcall_token::Signer;

use crate::api::Api;
use crate::backend::CloudUrl;
use crate::cloud::Cloud;

/// What `rollcall token` calls its key.
const KID: &str = "development";

/// A cloud that may be anywhere.
#[derive(Debug)]
pub enum Anywhere {
    /// On loopback, of this test's own.
    Here(Box<Cloud>),
    /// Deployed, and shared with others.
    There(Api),
}

impl Deref for Anywhere {
    type Target = Api;

    fn deref(&self) -> &Api {
        match self {
            Self::Here(cloud) => cloud,
            Self::There(api) => api,
        }
    }
}

impl Anywhere {
    /// The deployed one that the environment names, or one on loopback.
    pub async fn start() -> Self {
        let Some(cloud) = CloudUrl::chosen() else { return Self::Here(Box::new(Cloud::start().await)) };
        let key = std::fs::read_to_string(&cloud.key).expect("the key's file");
        let signer = Signer::hs256(KID, &URL_SAFE_NO_PAD.decode(key.trim()).expect("a key in base64url"));
        let dynamodb = CloudUrl::dynamodb();
        Self::There(Api::new(cloud.ws_url, dynamodb, &cloud.table, signer))
    }

    /// Whether a push reaches its node.
    pub fn pushes(&self) -> bool {
        match self {
            Self::Here(cloud) => cloud.pushes,
            Self::There(_) => true,
        }
    }

    /// A node that nobody else uses, registered.
    pub async fn node(&self) -> String {
        let node = format!("test-{:016x}", rand::rng().random::<u64>());
        self.set(&node, Attribute::CredentialVersion, 1).await;
        node
    }

    /// Ends it, if it is here.
    pub async fn stop(self) {
        if let Self::Here(cloud) = self {
            cloud.stop().await;
        }
    }
}
