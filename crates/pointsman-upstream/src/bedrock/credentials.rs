//! Credentials: looked for where AWS's own tools look, kept, and renewed before they end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqsign_aws_core::{
    AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider, EnvCredentialProvider,
    IMDSv2CredentialProvider, ProcessCredentialProvider, ProfileCredentialProvider, SSOCredentialProvider,
};
use reqsign_core::{CommandExecute, CommandOutput, Context, Error, FileRead, HttpSend, ProvideCredentialDyn};
use tokio::sync::Mutex;

use super::environment::AwsEnvironment;
use crate::connections::Connections;

/// How long before its end a credential is renewed. Those without an end, as in files, are read again as often.
const AHEAD: Duration = Duration::from_secs(300);

/// How long a search that found nothing is not repeated.
const PAUSE: Duration = Duration::from_secs(10);

/// How long the machine's own services may take, which answer at once where they exist.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long services that give credentials in exchange for others may take.
const REMOTE_TIMEOUT: Duration = Duration::from_secs(10);

/// A place where credentials may be.
type Source = (&'static str, Box<dyn ProvideCredentialDyn<Credential = Credential>>);

/// Where credentials are looked for, and what was found.
pub(super) struct Credentials {
    environment: AwsEnvironment,
    context: Context,
    /// In order.
    sources: Vec<Source>,
    found: Mutex<Found>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

#[derive(Default)]
enum Found {
    /// No one has looked.
    #[default]
    Unknown,
    Credential {
        credential: Credential,
        renew_at: SystemTime,
    },
    Nothing {
        why: String,
        retry_at: SystemTime,
    },
}

impl Credentials {
    pub(super) fn new(environment: AwsEnvironment, connections: &Arc<Connections>) -> Self {
        let context = Context::new()
            .with_env(environment.to_static())
            .with_file_read(Files)
            .with_command_execute(Commands)
            .with_http_send(Requests(Arc::clone(connections)));
        let sources = sources(environment.named_profile());
        Self { environment, context, sources, found: Mutex::default() }
    }

    /// The credential to sign with at `now`, renewed if it is about to end. Callers at the same time wait for one search.
    pub(super) async fn current(&self, now: SystemTime) -> Result<Credential, String> {
        let mut found = self.found.lock().await;
        match &*found {
            Found::Credential { credential, renew_at } if now < *renew_at => return Ok(credential.clone()),
            Found::Nothing { why, retry_at } if now < *retry_at => return Err(why.clone()),
            _ => {}
        }
        match (self.search().await, &*found) {
            (Ok(credential), _) => {
                let renew_at = match credential.expires_in {
                    // One that is given for a shorter time is renewed when half of it is over.
                    Some(end) => {
                        let left = end.as_system_time().duration_since(now).unwrap_or_default();
                        now + left.saturating_sub(AHEAD).max(left / 2)
                    }
                    None => now + AHEAD,
                };
                *found = Found::Credential { credential: credential.clone(), renew_at };
                Ok(credential)
            }
            (Err(_), Found::Credential { credential, .. }) if is_valid(credential, now) => {
                let credential = credential.clone();
                *found = Found::Credential { credential: credential.clone(), renew_at: now + PAUSE };
                Ok(credential)
            }
            (Err(why), _) => {
                *found = Found::Nothing { why: why.clone(), retry_at: now + PAUSE };
                Err(why)
            }
        }
    }

    /// Asks the sources in order. One that fails makes way for the next, and is named if none has any.
    async fn search(&self) -> Result<Credential, String> {
        let mut failed = Vec::new();
        for (name, source) in &self.sources {
            match source.provide_credential_dyn(&self.context).await {
                Ok(Some(credential)) => return Ok(credential),
                Ok(None) => {}
                Err(error) => failed.push(format!("{name}: {error}")),
            }
        }
        let remedy = self.remedy();
        Err(if failed.is_empty() { remedy } else { format!("{remedy} ({})", failed.join("; ")) })
    }

    /// What the user has to do if no source seems to have a credential, as far as that can be told without asking anyone:
    /// a machine of Amazon's is taken to have a role.
    pub(super) fn missing(&self) -> Option<String> {
        let is_set = |names: &[&str]| names.iter().all(|name| self.environment.get(name).is_some());
        let has_any = || {
            is_set(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
                || is_set(&["AWS_WEB_IDENTITY_TOKEN_FILE"])
                || is_set(&["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
                || is_set(&["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])
                || self.environment.is_at_amazon()
        };
        let found =
            self.environment.has_profile() || (self.environment.named_profile().is_none() && has_any());
        (!found).then(|| self.remedy())
    }

    fn remedy(&self) -> String {
        match self.environment.named_profile() {
            Some(profile) => format!("no credentials in profile `{profile}`: run `aws configure --profile {profile}`"),
            None => "no credentials: set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
                     run `aws configure`, or give the machine a role"
                .to_owned(),
        }
    }
}

fn is_valid(credential: &Credential, now: SystemTime) -> bool {
    credential.expires_in.is_none_or(|end| end.as_system_time() > now + PAUSE)
}

/// The sources in the order of AWS's tools: those of the named profile, or all.
fn sources(profile: Option<&str>) -> Vec<Source> {
    let (mut file, mut sso, mut process) =
        (ProfileCredentialProvider::new(), SSOCredentialProvider::new(), ProcessCredentialProvider::new());
    if let Some(profile) = profile {
        (file, sso, process) =
            (file.with_profile(profile), sso.with_profile(profile), process.with_profile(profile));
    }
    let of_profile: [Source; 3] =
        [("profile", Box::new(file)), ("single sign-on", Box::new(sso)), ("process", Box::new(process))];
    if profile.is_some() {
        return of_profile.into();
    }
    let mut sources: Vec<Source> = vec![("environment", Box::new(EnvCredentialProvider::new()))];
    sources.extend(of_profile);
    sources.push(("web identity", Box::new(AssumeRoleWithWebIdentityCredentialProvider::new())));
    sources.push(("container", Box::new(ECSCredentialProvider::new())));
    sources.push(("instance", Box::new(IMDSv2CredentialProvider::new())));
    sources
}

/// Reads files.
#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let read = tokio::fs::read(path).await;
        read.map_err(|error| Error::config_invalid(format!("{path} cannot be read: {error}")))
    }
}

/// Runs the command that a profile names as its `credential_process`.
#[derive(Debug)]
struct Commands;

impl CommandExecute for Commands {
    async fn command_execute(&self, program: &str, args: &[&str]) -> reqsign_core::Result<CommandOutput> {
        let output = tokio::process::Command::new(program).args(args).output().await;
        let output =
            output.map_err(|error| Error::config_invalid(format!("{program} cannot be run: {error}")))?;
        let status = output.status.code().unwrap_or(-1);
        Ok(CommandOutput { status, stdout: output.stdout, stderr: output.stderr })
    }
}

/// Asks the services that give credentials.
#[derive(Debug)]
struct Requests(Arc<Connections>);

impl HttpSend for Requests {
    async fn http_send(&self, request: http::Request<Bytes>) -> reqsign_core::Result<http::Response<Bytes>> {
        let failed = |error: reqwest::Error| Error::unexpected(error.without_url().to_string());
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let client = self.0.to(request.url()).map_err(Error::unexpected)?;
        let is_local = request.url().scheme() == "http";
        let mut request = request;
        *request.timeout_mut() = Some(if is_local { LOCAL_TIMEOUT } else { REMOTE_TIMEOUT });
        let reply = client.execute(request).await.map_err(failed)?;
        let (status, headers) = (reply.status(), reply.headers().clone());
        let mut response = http::Response::new(reply.bytes().await.map_err(failed)?);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }
}
