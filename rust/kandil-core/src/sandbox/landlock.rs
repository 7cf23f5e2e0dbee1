//! Of all that the running kernel's Landlock can deny, nothing is allowed; or, to a server, what it reads, its devices,
//! and a port that the system chooses; or, to a program, what it reads and where it writes.

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, NetPort, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::{Program, Server};

/// The newest that the crate knows; an older kernel takes what it has, and the other layers stand for the rest.
const NEWEST: ABI = ABI::V10;

pub(super) fn restrict() -> Result<(), String> {
    told(ruleset().and_then(RulesetCreated::restrict_self))
}

pub(super) fn restrict_server(server: &Server) -> Result<(), String> {
    told(server_ruleset(server).and_then(RulesetCreated::restrict_self))
}

pub(super) fn restrict_program(program: &Program) -> Result<(), String> {
    told(program_ruleset(program).and_then(RulesetCreated::restrict_self))
}

/// Whether this kernel's Landlock keeps signals from processes outside, as it does from Linux 6.12 on.
pub(super) fn keeps_signals_in() -> bool {
    let strict = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    strict.scope(Scope::Signal).is_ok()
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

/// What every program may use, as it can tell nothing and keep nothing.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// What is not there is no rule.
fn program_ruleset(program: &Program) -> Result<RulesetCreated, RulesetError> {
    let nodes = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
    ruleset()?
        .add_rules(path_beneath_rules(&program.readable, AccessFs::from_read(NEWEST)))?
        .add_rules(path_beneath_rules(&program.writable, AccessFs::from_all(NEWEST) & !nodes))?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))
}
