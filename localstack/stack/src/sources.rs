//! What invokes functions without a request: the triggers of the table of functions that are no routes.

use std::sync::Arc;
use std::time::Duration;

use rollcall_aws::now;
use rollcall_gateway::Invoke;
use rollcall_sources::{
    Filter, FilterError, QueueMapping, QueueSettings, Queues, Schedule, Stream, StreamMapping, StreamSettings,
};

use crate::functions::{Function, Rate, Trigger};
use crate::queues::{DISCARDED, QUEUE};

/// How often the local cloud looks for new records. Lambda does so four times a second; a developer waits less.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Where records and messages come from.
#[derive(Debug)]
pub struct Origins<'a> {
    /// The stream of the table of nodes.
    pub stream: Stream,
    /// The queues.
    pub queues: &'a Queues,
    /// How often the sweep runs, and how often rollouts are stepped.
    pub every: [Duration; 2],
}

/// The event sources of functions. Dropping them ends them.
#[derive(Debug, Default)]
pub struct Sources {
    schedules: Vec<Schedule>,
    streams: Vec<StreamMapping>,
    queues: Vec<QueueMapping>,
}

impl Sources {
    /// Starts the event sources of these functions.
    ///
    /// # Errors
    /// If a filter of a function can't be used.
    pub fn start(functions: &[Function], origins: &Origins<'_>, invoke: &Arc<dyn Invoke>) -> Result<Self, FilterError> {
        let mut sources = Self::default();
        let triggers = functions
            .iter()
            .flat_map(|Function { name, triggers, .. }| triggers.iter().map(move |trigger| (*name, trigger)));
        for (function, trigger) in triggers {
            let (queues, invoke) = (origins.queues, Arc::clone(invoke));
            match trigger {
                Trigger::Schedule(rate) => {
                    let [sweep, rollouts] = origins.every;
                    let every = if *rate == Rate::Sweep { sweep } else { rollouts };
                    sources.schedules.push(Schedule::every(every, function, function, invoke, || now().0));
                }
                Trigger::Queue { batch_size, concurrency, report_failures } => {
                    let (batch_size, concurrency, report_failures) = (*batch_size, *concurrency, *report_failures);
                    let settings = QueueSettings { batch_size, concurrency, report_failures };
                    sources.queues.push(QueueMapping::start(queues, QUEUE, function, settings, invoke));
                }
                Trigger::Stream { .. } => {
                    let (stream, settings) = (origins.stream.clone(), stream_settings(trigger)?);
                    sources.streams.push(StreamMapping::start(stream, function, settings, queues, invoke));
                }
                Trigger::Authorizer | Trigger::Connect | Trigger::Disconnect | Trigger::Messages | Trigger::Http(_) => {
                }
            }
        }
        Ok(sources)
    }

    /// Ends them. After that, they begin no invocation.
    pub async fn stop(self) {
        drop(self.schedules);
        for stream in self.streams {
            stream.stop().await;
        }
        for queue in self.queues {
            queue.stop().await;
        }
    }
}

fn stream_settings(trigger: &Trigger) -> Result<StreamSettings, FilterError> {
    let default = StreamSettings { poll_every: POLL_EVERY, ..StreamSettings::default() };
    let Trigger::Stream { batch_size, window, filters, report_failures, bisect, max_age, max_retries } = *trigger
    else {
        return Ok(default);
    };
    Ok(StreamSettings {
        batch_size,
        window,
        filters: filters.iter().map(|filter| Filter::parse(filter)).collect::<Result<_, _>>()?,
        report_failures,
        bisect,
        max_age,
        max_retries,
        on_failure: Some(DISCARDED.to_owned()),
        ..default
    })
}
