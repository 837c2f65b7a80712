//! `invite list`.

use super::super::door::Door;
use super::super::{VerbError, words};
use crate::cli::invite::ListArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::storage::UnixSeconds;
use crate::storage::admin::{Administration as _, Invite};
use crate::terminal;

pub(super) fn run(args: &ListArgs, env: &Env) -> Result<(), VerbError> {
    let door = Door::open(&args.data, env)?;
    let invites = door.data.invites()?;
    if args.data.json {
        let mut list = terminal::JsonList::begin();
        for invite in &invites {
            list.print(&serde_json::json!(invite));
        }
        list.end();
        return Ok(());
    }
    terminal::print("NUMBER  USED        CREATED     EXPIRES     STATE");
    let now = now();
    for invite in &invites {
        terminal::print(&row(invite, now));
    }
    if invites.is_empty() {
        terminal::say("there are no invites");
    }
    Ok(())
}

fn row(invite: &Invite, now: UnixSeconds) -> String {
    let state = if invite.used == invite.uses {
        "used"
    } else if invite.expires_at <= now {
        "expired"
    } else {
        "open"
    };
    let used = format!("{} of {}", invite.used, invite.uses);
    let (created, expires) = (words::day(invite.created_at), words::day(invite.expires_at));
    format!("{:>6}  {used:<10}  {created:<10}  {expires:<10}  {state}", invite.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_is_a_line() {
        let invite = Invite { id: 3, uses: 5, used: 2, created_at: 0, expires_at: 86_400 };
        assert_eq!(row(&invite, 10), "     3  2 of 5      1970-01-01  1970-01-02  open");
        assert!(row(&invite, 86_400).ends_with("expired"));
        assert!(row(&Invite { used: 5, ..invite }, 86_400).ends_with("used"));
    }
}
