//! Of all that the running kernel's Landlock can deny, nothing is allowed; or, to a server, what it reads, its devices,
//! and a port that the system chooses.

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, NetPort, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::Server;

/// The newest that the crate knows; an older kernel takes what it has, and the other layers stand for the rest.
const NEWEST: ABI = ABI::V10;

pub(super) fn restrict() -> Result<(), String> {
    told(ruleset().and_then(RulesetCreated::restrict_self))
}

pub(super) fn restrict_server(server: &Server) -> Result<(), String> {
    told(server_ruleset(server).and_then(RulesetCreated::restrict_self))
}

fn told(status: Result<RestrictionStatus, RulesetError>) -> Result<(), String> {
    let status = status.map_err(|error| error.to_string())?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotImplemented) => Err("not in this kernel".to_owned()),
        (RulesetStatus::NotEnforced, _) => Err("switched off in this kernel".to_owned()),
        _ => Ok(()),
    }
}

fn ruleset() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()
}

/// What is not there is no rule.
fn server_ruleset(server: &Server) -> Result<RulesetCreated, RulesetError> {
    let on_devices = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::WriteFile | AccessFs::IoctlDev;
    ruleset()?
        .add_rules(path_beneath_rules(&server.files, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(&server.folders, AccessFs::from_read(NEWEST)))?
        .add_rules(path_beneath_rules(&server.devices, on_devices))?
        .add_rule(NetPort::new(0, AccessNet::BindTcp))
}
