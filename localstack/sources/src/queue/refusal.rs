//! How SQS refuses a request.

use http::StatusCode;
use serde_json::{Value, json};

use crate::state::StateError;

/// An error of SQS: the name of its shape, and its code in the older query protocol, which SDKs still look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    shape: &'static str,
    query: &'static str,
}

macro_rules! codes {
    ($($name:ident: $shape:literal, $query:literal;)+) => {
        impl Code {
            $(pub(crate) const $name: Self = Self { shape: $shape, query: $query };)+
        }
    };
}

codes! {
    NO_QUEUE: "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue";
    NO_OPERATION: "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation";
    WRONG_VALUE: "InvalidParameterValue", "InvalidParameterValue";
    MISSING: "MissingParameter", "MissingParameter";
    CONTENTS: "InvalidMessageContents", "InvalidMessageContents";
    RECEIPT: "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid";
    NOT_IN_FLIGHT: "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight";
    EMPTY_BATCH: "EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest";
    LARGE_BATCH: "TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest";
    LONG_BATCH: "BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong";
    SAME_IDS: "BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct";
    WRONG_ID: "InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId";
    UNREADABLE: "SerializationException", "SerializationException";
    BROKEN: "InternalFailure", "InternalFailure";
}

/// A request that is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Whether the client must change its request.
    fn is_of_sender(&self) -> bool {
        self.code != Code::BROKEN
    }

    pub(crate) fn status(&self) -> StatusCode {
        if self.is_of_sender() { StatusCode::BAD_REQUEST } else { StatusCode::INTERNAL_SERVER_ERROR }
    }

    /// The value of the header `x-amzn-query-error`.
    pub(crate) fn query_error(&self) -> String {
        format!("{};{}", self.code.query, if self.is_of_sender() { "Sender" } else { "Receiver" })
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> Value {
        json!({"__type": format!("com.amazonaws.sqs#{}", self.code.shape), "message": self.message})
    }

    /// The entry of a batch that was refused.
    pub(crate) fn entry(&self, id: &str) -> Value {
        json!({"Id": id, "SenderFault": self.is_of_sender(), "Code": self.code.query, "Message": self.message})
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a queue can't be read or written");
        Self::new(Code::BROKEN, error.to_string())
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        StateError::from(error).into()
    }
}
