//! What people do about holds once the office knows who they are: each word is about what was shown, and goes to the desk with that.

use axum::http::StatusCode;

use super::{May, Office, Through, Undecided, decider};
use crate::audit::event::HoldRead;
use crate::gate::hold::{HoldId, State as Stands, Verdict, may_decide};
use crate::host::desk::{MOST_TOGETHER, NotDecided, Ruling, Seen, Terms, View, Which};
use crate::host::journal::Unwritable;
use crate::host::people::Visitor;
use crate::host::web::shown::{self, Shown};

/// Several holds, as they are decided by one word.
#[derive(Debug)]
pub struct Together {
    pub holds: Vec<Shown>,
    /// Of all of them: a decision gives it back.
    pub digest: String,
    /// Whether this person may decide every one of them.
    pub may: May,
}

impl Office {
    /// What a step is about: the hold as it was shown, which its digest proves.
    fn seen(&self, id: HoldId, digest: &str) -> Result<Seen, Undecided> {
        let view = self.desk.view(id).ok_or(NotDecided::Unknown)?;
        let shown = Shown::of(&view, &self.desk.masking());
        if view.state.is_undecided() && shown.digest != digest {
            return Err(Undecided::Changed);
        }
        Ok(Seen { turns: view.talk.turns(), digest: shown::digest(&shown.digest) })
    }

    fn told(&self, told: Result<View, NotDecided>) -> Result<Shown, Undecided> {
        let masking = self.desk.masking();
        match told {
            Ok(view) => Ok(Shown::of(&view, &masking)),
            Err(NotDecided::Already(view)) => Err(Undecided::Already(Box::new(Shown::of(&view, &masking)))),
            Err(NotDecided::Changed) => Err(Undecided::Changed),
            Err(error) => Err(error.into()),
        }
    }

    /// Decides what was shown: `digest` is the one that was shown with it.
    pub async fn decide(
        &self,
        id: HoldId,
        visitor: &Visitor,
        verdict: Verdict,
        reason: &str,
        digest: &str,
        through: Through,
    ) -> Result<Shown, Undecided> {
        let ruling = ruling(verdict, reason, through)?;
        let seen = self.seen(id, digest)?;
        let decider = decider(visitor);
        match self.desk.decide(id, &decider, ruling, seen).await {
            // The same person pressed twice: it is as they wanted it.
            Err(NotDecided::Again) => self.told(self.desk.view(id).ok_or(NotDecided::Unknown)),
            Err(NotDecided::Already(view)) => {
                let last = view.decided.as_ref().is_some_and(|ruled| *ruled.by == *visitor.name && ruled.verdict == verdict);
                let one_of = verdict.approves() && view.decided.as_ref().is_some_and(|ruled| ruled.verdict.approves());
                let again = last || one_of && view.talk.has_assented(&decider);
                self.told(if again { Ok(*view) } else { Err(NotDecided::Already(view)) })
            }
            told => self.told(told),
        }
    }

    /// Approves what was shown and, with that, statements like it for a while.
    pub async fn grant(
        &self,
        id: HoldId,
        visitor: &Visitor,
        terms: Terms,
        reason: &str,
        digest: &str,
        through: Through,
    ) -> Result<(Shown, shown::Grant), Undecided> {
        let ruling = ruling(Verdict::Approve, reason, through)?;
        let seen = self.seen(id, digest)?;
        match self.desk.grant(id, &decider(visitor), ruling, terms, seen).await {
            Ok((view, grant)) => Ok((Shown::of(&view, &self.desk.masking()), shown::Grant::of(&grant))),
            Err(error) => self.told(Err(error)).and(Err(NotDecided::Unknown.into())),
        }
    }

    /// Standing grants that are not over, newest first.
    pub fn grants(&self) -> Vec<shown::Grant> {
        self.desk.grants().iter().map(shown::Grant::of).collect()
    }

    /// Ends a standing grant.
    pub async fn revoke(&self, id: HoldId, visitor: &Visitor, reason: &str) -> Result<shown::Grant, Undecided> {
        Ok(shown::Grant::of(&self.desk.revoke(id, &decider(visitor), Some(reason)).await?))
    }

    /// Asks the agent about what was shown.
    pub async fn ask(&self, id: HoldId, visitor: &Visitor, question: &str, digest: &str, through: Through) -> Result<Shown, Undecided> {
        let seen = self.seen(id, digest)?;
        self.told(self.desk.ask(id, &decider(visitor), question, seen, through.word()).await)
    }

    /// Passes what was shown on to another group, which the policy or somebody's account names.
    pub async fn pass(
        &self,
        id: HoldId,
        visitor: &Visitor,
        (to, reason): (&str, &str),
        digest: &str,
        through: Through,
    ) -> Result<Shown, Undecided> {
        let seen = self.seen(id, digest)?;
        let folded = |name: &str| name.trim().to_lowercase();
        let known = self.groups().into_iter().find(|group| folded(group) == folded(to)).ok_or(NotDecided::NoGroup)?;
        self.told(self.desk.pass(id, &decider(visitor), (&known, reason), seen, through.word()).await)
    }

    /// Groups that a hold can be passed on to: of the policy and of people, by name.
    pub fn groups(&self) -> Vec<String> {
        let of_people = self.accounts().groups().unwrap_or_else(|error| {
            tracing::error!(%error, "which groups people are in is not known: only those of the policy are");
            Vec::new()
        });
        let mut groups: Vec<_> = self.desk.groups().iter().map(ToString::to_string).chain(of_people).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The undecided holds of the session that this one is of, the oldest first. That they were shown is on the record.
    pub fn together(&self, id: HoldId, visitor: &Visitor, through: Through) -> Result<Option<Together>, Unwritable> {
        let Some(views) = self.company(id) else { return Ok(None) };
        for view in &views {
            self.journal.record(HoldRead { hold: view.id.number(), by: visitor.name.clone(), through: through.word().into() })?;
        }
        Ok(Some(self.gathered(&views, visitor)))
    }

    fn company(&self, id: HoldId) -> Option<Vec<View>> {
        let of = self.desk.view(id)?;
        let mut views = self.desk.list(Which::Waiting);
        views.retain(|view| view.state != Stands::Expired && view.together() == of.together());
        // Those behind these follow when these are decided.
        views.reverse();
        views.truncate(MOST_TOGETHER);
        Some(views)
    }

    fn gathered(&self, views: &[View], visitor: &Visitor) -> Together {
        let (masking, decider) = (self.desk.masking(), decider(visitor));
        let holds: Vec<_> = views.iter().map(|view| Shown::of(view, &masking)).collect();
        let mut each = views.iter().map(|view| may_decide(&decider, &view.about.owner, view.groups(), self.single_person));
        let may = each.try_fold(false, |all, one| Ok(all | one?));
        Together { digest: shown::digest_of_all(&holds), holds, may }
    }

    /// Decides all that was shown together, or nothing.
    pub async fn decide_together(
        &self,
        id: HoldId,
        visitor: &Visitor,
        verdict: Verdict,
        reason: &str,
        digest: &str,
        through: Through,
    ) -> Result<Vec<Shown>, Undecided> {
        let ruling = ruling(verdict, reason, through)?;
        let views = self.company(id).ok_or(NotDecided::Unknown)?;
        if self.gathered(&views, visitor).digest != digest {
            return Err(Undecided::Changed);
        }
        let holds = views.iter().map(|view| (view.id, view.talk.turns())).collect();
        let decided = self.desk.decide_together(holds, &decider(visitor), ruling, shown::digest(digest)).await;
        let masking = self.desk.masking();
        match decided {
            Ok(views) => Ok(views.iter().map(|view| Shown::of(view, &masking)).collect()),
            Err(error) => self.told(Err(error)).map(|shown| vec![shown]),
        }
    }
}

fn ruling(verdict: Verdict, reason: &str, through: Through) -> Result<Ruling, Undecided> {
    let reason = Some(reason.trim()).filter(|reason| !reason.is_empty());
    if verdict == Verdict::Deny && reason.is_none() {
        return Err(Undecided::NoReason);
    }
    Ok(Ruling { verdict, reason: reason.map(str::to_owned), through: through.word() })
}

impl Undecided {
    /// A word that programs can tell apart.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Changed | Self::Desk(NotDecided::Changed) => "changed",
            Self::NoReason => "no-reason",
            Self::Already(_) | Self::Desk(NotDecided::Already(_)) => "decided",
            Self::Desk(NotDecided::Unknown) => "unknown",
            Self::Desk(NotDecided::Expired) => "expired",
            Self::Desk(NotDecided::Role) => "role",
            Self::Desk(NotDecided::OwnAgent) => "own-agent",
            Self::Desk(NotDecided::Group) => "group",
            Self::Desk(NotDecided::NotAsked) => "not-asked",
            Self::Desk(NotDecided::TooLong) => "too-long",
            Self::Desk(NotDecided::Again) => "again",
            Self::Desk(NotDecided::AskedAlready) => "asked",
            Self::Desk(NotDecided::TooMany) => "too-many",
            Self::Desk(NotDecided::NoWords) => "no-words",
            Self::Desk(NotDecided::NoGroup) => "no-group",
            Self::Desk(NotDecided::NotTogether) => "not-together",
            Self::Desk(NotDecided::NoGrant(_)) => "no-grant",
            Self::Desk(NotDecided::UnknownGrant) => "unknown-grant",
            Self::Desk(NotDecided::Unrecordable(_)) => "unrecordable",
        }
    }

    /// What HTTP calls it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Changed | Self::Already(_) => StatusCode::CONFLICT,
            Self::NoReason => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Desk(error) => match error {
                NotDecided::Already(_) | NotDecided::Changed | NotDecided::Again | NotDecided::AskedAlready => StatusCode::CONFLICT,
                NotDecided::Unknown | NotDecided::UnknownGrant => StatusCode::NOT_FOUND,
                NotDecided::Expired => StatusCode::GONE,
                NotDecided::Role | NotDecided::OwnAgent | NotDecided::Group => StatusCode::FORBIDDEN,
                NotDecided::Unrecordable(_) => StatusCode::SERVICE_UNAVAILABLE,
                NotDecided::NotAsked
                | NotDecided::TooLong
                | NotDecided::TooMany
                | NotDecided::NoWords
                | NotDecided::NoGroup
                | NotDecided::NoGrant(_)
                | NotDecided::NotTogether => StatusCode::UNPROCESSABLE_ENTITY,
            },
        }
    }
}
