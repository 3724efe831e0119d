//! Providers of models: how their requests look, how they are reached, and what goes wrong on the way.
//!
//! [`RequestBody`] finds the model's name in a request without touching another byte; [`openai::ChatRequest`] reads
//! what routing needs from it, as do [`ResponsesRequest`], [`CompletionsRequest`] and [`MessagesRequest`] for
//! OpenAI's other APIs and Anthropic's; [`Client`] sends it to a [`Provider`] and streams the [`Reply`] back as it comes, translated where client and
//! provider speak different [`Dialect`]s. The
//! `demo` provider answers on its own, without a network. This crate reads neither clock nor environment: keys come
//! through a look-up that the caller passes in.

mod azure;
mod bedrock;
mod body;
mod client;
mod connections;
mod demo;
mod dialect;
mod error;
mod failure;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod headers;
pub mod openai;
mod provider;
mod ready;
mod reply;
mod secret;
mod translation;

pub use azure::AzureAuth;
pub use bedrock::Bedrock;
pub use body::{RequestBody, RequestError, RequestSize};
pub use client::{Call, Client, Wanted};
pub use connections::ClientOptions;
pub use dialect::anthropic::MessagesRequest;
pub use dialect::openai_completions::CompletionsRequest;
pub use dialect::openai_responses::ResponsesRequest;
pub use dialect::{
    Dialect, ErrorReply, Lossy, ProviderDialect, ReplyFacts, TranslationError, Usage, UsageReader,
};
pub use error::{ErrorKind, Side, UpstreamError};
pub use failure::{
    Breakers, Failing, FailureOverrides, FailurePolicies, FailurePolicy, RetryBudget, overflows, retry_after,
    until_content, wait,
};
pub use provider::{BaseUrl, BaseUrlError, Endpoint, Provider, ProviderKind, ProviderKindError};
pub use ready::BuildError;
pub use reply::{Reply, ReplyBody};
