//! A request for a reply, in no dialect.

use serde_json::Value;

use super::Dialect;

/// A conversation and how it is to be continued.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Conversation {
    pub(crate) model: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) tool_choice: Option<ToolChoice>,
    pub(crate) parallel_tool_calls: Option<bool>,
    pub(crate) output: Option<OutputFormat>,
    /// The most tokens of a reply, reasoning included.
    pub(crate) max_tokens: Option<u64>,
    pub(crate) sampling: Sampling,
    pub(crate) stop: Vec<String>,
    pub(crate) reasoning: Reasoning,
    /// Who the end user is, in the words of the application.
    pub(crate) user: Option<String>,
    pub(crate) service_tier: Option<ServiceTier>,
    /// Whether the provider is to choose what is cached.
    pub(crate) cache: Option<Cache>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) words: Words,
}

/// Whose words name a field that is declared. No part of the meaning: all are equal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words(pub(crate) Dialect);

impl Default for Words {
    fn default() -> Self {
        Self(Dialect::OpenAiChat)
    }
}

impl PartialEq for Words {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Words {
    /// The name of a field that OpenAI's clients call `openai` and Anthropic's `anthropic`.
    pub(crate) fn pick(self, openai: &'static str, anthropic: &'static str) -> &'static str {
        match self.0 {
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::OpenAiCompletions => openai,
            Dialect::Anthropic => anthropic,
        }
    }
}

impl Conversation {
    /// What the client calls the field with which it asked for reasoning.
    pub(crate) fn reasoning_words(&self) -> &'static str {
        let effort = self.reasoning.effort.is_some();
        self.words.pick("reasoning_effort", if effort { "output_config.effort" } else { "thinking" })
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) role: Role,
    pub(crate) parts: Vec<Part>,
    pub(crate) place: Place,
}

/// Where something stood in the request, such as `messages[3]`. No part of the meaning: all places are equal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) whole: String,
    /// Where its parts stood, if not in its `content`.
    pub(crate) parts: Vec<String>,
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Place {
    pub(crate) fn at(path: impl Into<String>) -> Self {
        Self { whole: path.into(), parts: Vec::new() }
    }

    /// The place of the part at `index` of the message here.
    pub(crate) fn part(&self, index: usize) -> String {
        self.parts.get(index).cloned().unwrap_or_else(|| format!("{}.content[{index}]", self.whole))
    }
}

/// Who speaks. What tools answer is said in the user's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    System,
    Developer,
    User,
    Assistant,
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Text {
        text: String,
        cache: Option<Cache>,
    },
    Image {
        image: Media,
        detail: Option<String>,
        cache: Option<Cache>,
    },
    Document {
        document: Document,
        title: Option<String>,
        cache: Option<Cache>,
    },
    /// What a model thought. Only what carries the provider's signature can be given back to it.
    Thinking {
        text: String,
        signature: Option<String>,
    },
    /// What a model thought, readable by its provider alone.
    RedactedThinking {
        data: String,
    },
    ToolCall {
        id: String,
        name: String,
        /// JSON as the model wrote it, which may not be JSON.
        arguments: String,
        cache: Option<Cache>,
    },
    ToolResult {
        call_id: String,
        content: Vec<Part>,
        is_error: bool,
        cache: Option<Cache>,
    },
    /// A refusal in words.
    Refusal {
        text: String,
    },
}

impl Part {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), cache: None }
    }

    /// Where the part may be marked for caching; thinking and refusals may not.
    pub(crate) fn cache(&self) -> Option<Cache> {
        match self {
            Self::Text { cache, .. }
            | Self::Image { cache, .. }
            | Self::Document { cache, .. }
            | Self::ToolCall { cache, .. }
            | Self::ToolResult { cache, .. } => *cache,
            Self::Thinking { .. } | Self::RedactedThinking { .. } | Self::Refusal { .. } => None,
        }
    }
}

/// Bytes, or where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Media {
    Base64 { media_type: String, data: String },
    Url(String),
}

impl Media {
    /// A URL, or what a `data:` URL holds.
    pub(crate) fn from_url(url: String) -> Self {
        match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
            Some((media_type, data)) => {
                Self::Base64 { media_type: media_type.to_owned(), data: data.to_owned() }
            }
            None => Self::Url(url),
        }
    }

    /// As a URL.
    pub(crate) fn to_url(&self) -> String {
        match self {
            Self::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
            Self::Url(url) => url.clone(),
        }
    }
}

/// What a document consists of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Document {
    File(Media),
    Text(String),
    Parts(Vec<Part>),
}

/// A mark up to which the provider is asked to cache the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    /// As long as the provider does by default (five minutes at Anthropic).
    Default,
    FiveMinutes,
    OneHour,
}

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// JSON schema of the arguments.
    pub(crate) parameters: Option<Value>,
    pub(crate) strict: Option<bool>,
    pub(crate) cache: Option<Cache>,
}

/// Whether tools are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    /// If the model wants to.
    Auto,
    /// Never.
    None,
    /// At least one.
    Any,
    /// This one.
    Tool(String),
}

/// What a reply must look like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OutputFormat {
    /// Any JSON.
    Json,
    /// JSON of a schema.
    Schema { name: Option<String>, description: Option<String>, schema: Value, strict: Option<bool> },
}

/// How tokens are drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<u64>,
    pub(crate) seed: Option<i64>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) presence_penalty: Option<f64>,
}

/// How much the model thinks before it replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reasoning {
    pub(crate) thinking: Option<Thinking>,
    pub(crate) effort: Option<Effort>,
}

/// Whether it thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thinking {
    Off,
    /// As much as it sees fit.
    Adaptive,
    /// Up to so many tokens.
    Budget(u64),
}

/// How hard it tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    ExtraHigh,
    Max,
}

impl Effort {
    pub(crate) const ALL: [Self; 6] =
        [Self::Minimal, Self::Low, Self::Medium, Self::High, Self::ExtraHigh, Self::Max];

    /// The word that both dialects use.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::ExtraHigh => "xhigh",
            Self::Max => "max",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str() == name)
    }

    /// The budget of thinking tokens that stands for this effort where a model knows budgets only.
    pub(crate) fn budget_tokens(self) -> u64 {
        match self {
            Self::Minimal => 1_024,
            Self::Low => 2_048,
            Self::Medium => 8_192,
            Self::High => 16_384,
            Self::ExtraHigh | Self::Max => 32_768,
        }
    }

    /// The least effort whose budget is at least `tokens`.
    pub(crate) fn of_budget(tokens: u64) -> Self {
        let enough = |effort: &Self| *effort >= Self::Low && effort.budget_tokens() >= tokens;
        Self::ALL.into_iter().find(enough).unwrap_or(Self::High).min(Self::High)
    }
}

/// What a request is willing to pay for speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceTier {
    /// The best that the account has.
    Auto,
    /// The standard one.
    Standard,
    /// Slower and cheaper.
    Flex,
    /// Faster and dearer.
    Priority,
}
