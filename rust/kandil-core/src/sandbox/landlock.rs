//! A ruleset without rules: of all that the running kernel's Landlock can deny, nothing is allowed.

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope,
};

/// The newest that the crate knows; an older kernel takes what it has, and the other layers stand for the rest.
const NEWEST: ABI = ABI::V10;

pub(super) fn restrict() -> Result<(), String> {
    let status = ruleset().map_err(|error| error.to_string())?;
    match status {
        (RulesetStatus::NotEnforced, LandlockStatus::NotImplemented) => Err("not in this kernel".to_owned()),
        (RulesetStatus::NotEnforced, _) => Err("switched off in this kernel".to_owned()),
        _ => Ok(()),
    }
}

fn ruleset() -> Result<(RulesetStatus, LandlockStatus), RulesetError> {
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .restrict_self()?;
    Ok((status.ruleset, status.landlock))
}
