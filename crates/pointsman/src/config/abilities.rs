//! How able models are: from the file that `[policy]` names, else as shipped.

use std::path::{Path, PathBuf};

use pointsman_policy::Abilities;
use pointsman_policy::config::{Diagnostics, Document, Source, abilities_path};

/// Where the file is that `document` names, if it does.
pub(super) fn path(document: &Document<'_>) -> Option<PathBuf> {
    Some(beside(document.source().name(), abilities_path(document)?.get_ref()))
}

/// The abilities that the file of `document` asks for, with the text of the file that it names. What cannot be read is
/// an error where it is named.
pub(super) fn read(document: &Document<'_>, diagnostics: &mut Diagnostics) -> (Abilities, Option<String>) {
    let shipped = Abilities::shipped();
    let Some(written) = abilities_path(document) else { return (shipped, None) };
    let path = beside(document.source().name(), written.get_ref());
    let mut fail = |message: String, help: &str| {
        diagnostics.error(written.span(), "policy.abilities", message).help(help);
    };
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            fail(
                format!("{name} cannot be read: {error}"),
                "paths start at the folder of the configuration; without the key the abilities shipped with the program hold",
            );
            return (shipped, None);
        }
    };
    let abilities = match Abilities::parse(&Source::new(name, text.as_str())) {
        Ok(abilities) => abilities,
        Err(error) => {
            fail(error.to_string(), "`pointsman fit` and `pointsman calibrate` write the file");
            shipped
        }
    };
    (abilities, Some(text))
}

/// `path` as seen from the folder of the file called `name`.
fn beside(name: &str, path: &str) -> PathBuf {
    Path::new(name).parent().unwrap_or_else(|| Path::new("")).join(path)
}
