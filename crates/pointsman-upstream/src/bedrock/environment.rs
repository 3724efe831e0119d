//! What AWS's tools read from the environment and from `~/.aws`.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use reqsign_core::StaticEnv;

/// The variables that the sources of credentials, and the search for a region, ask for.
const VARIABLES: [&str; 20] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EXTERNAL_ID",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_SSO_ENDPOINT",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// The variables as they were when the program read its configuration. Their values do not show.
#[derive(Clone)]
pub(super) struct AwsEnvironment {
    variables: HashMap<String, String>,
    home: Option<PathBuf>,
    /// The profile that the configuration names.
    profile: Option<String>,
}

impl fmt::Debug for AwsEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsEnvironment(…)")
    }
}

impl AwsEnvironment {
    /// Blank values count as unset.
    pub(super) fn read(profile: Option<&str>, environment: &impl Fn(&str) -> Option<String>) -> Self {
        let read = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        let mut variables = HashMap::new();
        for name in VARIABLES {
            variables.extend(read(name).map(|value| (name.to_owned(), value)));
        }
        let home = read("HOME").or_else(|| read("USERPROFILE")).map(PathBuf::from);
        Self { variables, home, profile: profile.map(str::to_owned) }
    }

    /// As the sources of credentials want it.
    pub(super) fn to_static(&self) -> StaticEnv {
        StaticEnv { home_dir: self.home.clone(), envs: self.variables.clone() }
    }

    /// The profile that the configuration names, if it names one.
    pub(super) fn named_profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// The profile that is used.
    pub(super) fn profile(&self) -> &str {
        self.profile.as_deref().or_else(|| self.get("AWS_PROFILE")).unwrap_or("default")
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The region: the environment's, else the profile's.
    pub(super) fn region(&self) -> Option<String> {
        let told = self.get("AWS_REGION").or_else(|| self.get("AWS_DEFAULT_REGION"));
        let of_profile = || {
            let settings = self.profile_settings("AWS_CONFIG_FILE", "config")?;
            settings.into_iter().find(|(key, _)| key == "region").map(|(_, value)| value)
        };
        if self.profile.is_some() {
            of_profile().or(told.map(str::to_owned))
        } else {
            told.map(str::to_owned).or_else(of_profile)
        }
    }

    /// Whether the files tell of the profile.
    pub(super) fn has_profile(&self) -> bool {
        self.profile_settings("AWS_SHARED_CREDENTIALS_FILE", "credentials").is_some()
            || self.profile_settings("AWS_CONFIG_FILE", "config").is_some()
    }

    /// Whether this is a machine of EC2's whose metadata may be asked for.
    pub(super) fn is_at_amazon(&self) -> bool {
        let is_off = self.get("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value == "true");
        let vendor = || std::fs::read_to_string("/sys/class/dmi/id/sys_vendor").unwrap_or_default();
        !is_off && vendor().trim() == "Amazon EC2"
    }

    /// What the file that `variable` names, or `~/.aws/{name}`, says of the profile.
    fn profile_settings(&self, variable: &str, name: &str) -> Option<Vec<(String, String)>> {
        let path = match self.get(variable) {
            Some(path) => PathBuf::from(path),
            None => self.home.as_ref()?.join(".aws").join(name),
        };
        settings(&std::fs::read_to_string(path).ok()?, self.profile())
    }
}

/// The keys and values in the section of `profile`, which in one of the files is called `profile NAME`.
fn settings(text: &str, profile: &str) -> Option<Vec<(String, String)>> {
    let mut found = None::<Vec<(String, String)>>;
    let mut within = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let section = section.trim();
            let name = section.strip_prefix("profile ").map_or(section, str::trim);
            within = name == profile;
            if within {
                found.get_or_insert_default();
            }
        } else if within
            && !line.starts_with(['#', ';'])
            && let Some((key, value)) = line.split_once('=')
        {
            found.get_or_insert_default().push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_in_either_file() {
        let text = "# comment\n[default]\nregion = us-east-1\n\n[profile  work]\nregion=eu-central-1\noutput = json\n[other]\nregion = x\n";
        let region = |profile: &str| {
            let found = settings(text, profile)?;
            found.into_iter().find(|(key, _)| key == "region").map(|(_, value)| value)
        };
        assert_eq!(region("default").as_deref(), Some("us-east-1"));
        assert_eq!(region("work").as_deref(), Some("eu-central-1"));
        assert_eq!(region("other").as_deref(), Some("x"));
        assert_eq!(region("absent"), None);
        assert_eq!(settings("[empty]\n", "empty"), Some(Vec::new()));
    }

    #[test]
    fn values_do_not_show() {
        let environment = |name: &str| (name == "AWS_SECRET_ACCESS_KEY").then(|| "planted".to_owned());
        let read = AwsEnvironment::read(None, &environment);
        assert_eq!(read.get("AWS_SECRET_ACCESS_KEY"), Some("planted"));
        assert!(!format!("{read:?}").contains("planted"));
    }
}
