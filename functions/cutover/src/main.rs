//! Stands in front of a legacy polling endpoint, and takes its nodes over.

mod endpoint;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use http::HeaderValue;
use http::header::COOKIE;
use lambda_runtime::Diagnostic;
use rollcall_aws::{
    Clients, DynamoStore, Presigner, Reader, Settings, now, private_addresses, request, system_resolver, variable,
};
use rollcall_aws::{Environment, Fatal, Headed, Tries, serve, telemetry};
use rollcall_service::{CUTOVER_WAIT_MS, CheckIns, Cutovers, Documents, Images, Passed, chain};

use endpoint::Endpoint;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, false)?;
    let mut reader = Reader::new(&Environment);
    let private = private_addresses(&mut reader);
    let wait = reader.number(variable::CUTOVER_WAIT, CUTOVER_WAIT_MS);
    let (private, wait) = reader.finish(|| Some((private, wait)))?;
    let endpoint = Endpoint::open(system_resolver(), private).map_err(|error| Fatal::new(error.into()))?;
    let clients = Clients::open(&settings, Tries::Quick).await;
    let (store, images) = (DynamoStore::open(&clients), Images::new(Presigner::open(&clients)));
    let check_ins = CheckIns { store, documents: Documents::default(), images, policy: settings.policy };
    let cutovers = Cutovers::new(check_ins, endpoint, wait);
    cutovers.prepare(now()).await;
    serve(async |Headed(event): Headed<ApiGatewayV2httpRequest>| -> Result<Passed, Diagnostic> {
        match request(with_cookies(event), now()) {
            Ok(request) => Ok(Box::pin(cutovers.handle(&request)).await),
            Err(error) => {
                tracing::error!(outcome = "failed", error = chain(&error), Failures = 1, "cut-over");
                Ok(Passed::status(500))
            }
        }
    })
    .await
}

/// API Gateway takes cookies out of the headers (payload format 2.0). The endpoint is to get them back.
fn with_cookies(mut event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpRequest {
    let cookies = event.cookies.take().unwrap_or_default().join("; ");
    if let Ok(cookies) = HeaderValue::from_str(&cookies)
        && !cookies.is_empty()
    {
        event.headers.insert(COOKIE, cookies);
    }
    event
}
