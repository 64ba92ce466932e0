//! Sends events to endpoints. A queue invokes it with batches of them.

use aws_lambda_events::sqs::SqsBatchResponse;
use lambda_runtime::Diagnostic;
use rollcall_aws::{
    Batch, Clients, DynamoStore, Environment, Fatal, Reader, Settings, SqsQueue, Tries, batch, batch_answer,
    delivery_schedule, now, private_addresses, serve, system_resolver, telemetry, variable,
};
use rollcall_service::{Deliveries, KEEP_EVENTS_S};
use rollcall_webhook::WebhookClient;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, false)?;
    let mut reader = Reader::new(&Environment);
    for needed in [variable::QUEUE_URL, variable::DEAD_LETTERS_URL] {
        reader.required(needed);
    }
    let (schedule, private) = (delivery_schedule(&mut reader), private_addresses(&mut reader));
    let keep_for = reader.number(variable::KEEP_EVENTS, KEEP_EVENTS_S);
    let (schedule, private) = reader.finish(|| Some((schedule, private)))?;
    let clients = Clients::open(&settings, Tries::Patient).await;
    let (store, queue) =
        (DynamoStore::open(&clients), SqsQueue::open(&clients, &Environment, variable::DEAD_LETTERS_URL));
    let webhooks = WebhookClient::open(system_resolver(), private, now).map_err(|error| Fatal::new(error.into()))?;
    let deliveries = Deliveries::new(store, queue, webhooks, schedule, now).keeping(keep_for);
    serve(async |event: Batch| -> Result<SqsBatchResponse, Diagnostic> {
        Ok(batch_answer(deliveries.run(&batch(event)).await))
    })
    .await
}
