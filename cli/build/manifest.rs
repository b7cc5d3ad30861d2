//! `Cargo.toml` of a carried crate: the original without workspace, targets, and what only its own build needs.

use serde_json::Value;

/// Renders the manifest of a workspace package from what cargo knows of it.
pub(crate) fn render(workspace: &Value, name: &str) -> Result<Vec<u8>, String> {
    let packages = workspace["packages"].as_array().ok_or("cargo metadata has no packages")?;
    let package = packages.iter().find(|package| package["name"] == name);
    let package = package.ok_or_else(|| format!("the workspace has no package {name}"))?;
    let mut text = String::from("[package]\n");
    for key in ["name", "version", "edition", "rust_version", "license", "description"] {
        let value = package[key].as_str().ok_or_else(|| format!("{name} has no {key}"))?;
        text += &format!("{} = {}\n", key.replace('_', "-"), quoted(value));
    }
    text += "\n[features]\n";
    for (feature, needs) in package["features"].as_object().into_iter().flatten() {
        // The executable of the default network stays at home, and with it all that only its build needs.
        let kept = needs.as_array().into_iter().flatten().filter(|need| *need != "baked");
        if feature != "baked" {
            text += &format!("{feature} = {}\n", list(kept));
        }
    }
    text += "\n[dependencies]\n";
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        if dependency["kind"].is_null() {
            text += &line(dependency)?;
        }
    }
    Ok(text.into_bytes())
}

/// One dependency; the workspace's own crates lie side by side.
fn line(dependency: &Value) -> Result<String, String> {
    let name = dependency["name"].as_str().ok_or("a dependency has a name")?;
    let mut fields = match name.strip_prefix("bakelite-") {
        Some(folder) => vec![format!("path = {}", quoted(&format!("../{folder}")))],
        None => vec![format!("version = {}", dependency["req"])],
    };
    if dependency["uses_default_features"] == false {
        fields.push("default-features = false".to_owned());
    }
    let features = dependency["features"].as_array().into_iter().flatten();
    if features.clone().next().is_some() {
        fields.push(format!("features = {}", list(features)));
    }
    if dependency["optional"] == true {
        fields.push("optional = true".to_owned());
    }
    Ok(format!("{name} = {{ {} }}\n", fields.join(", ")))
}

fn list<'a>(strings: impl Iterator<Item = &'a Value>) -> String {
    format!("[{}]", strings.map(Value::to_string).collect::<Vec<_>>().join(", "))
}

/// JSON's strings are TOML's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
