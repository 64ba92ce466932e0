//! The addresses of host names, by the system's resolver.

use std::net::IpAddr;

use rollcall_service::Resolver;

/// The system's resolver.
pub fn system_resolver() -> Resolver {
    Box::new(|name| {
        // The port does not matter: only addresses are asked for.
        let name = (name.to_owned(), 0);
        Box::pin(async move {
            let found = tokio::net::lookup_host(name).await?;
            let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            addresses.dedup();
            Ok(addresses)
        })
    })
}
