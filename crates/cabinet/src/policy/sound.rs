//! Whether numbers fit together: all of them are judged, and all that is wrong is told at once.

use zamok_core::otp::{Digits, Hotp, Window};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::spend::Throttle;

use super::guessing::odds;
use super::{Policy, PolicyFault};

const YEAR: u64 = 366 * 24 * 60 * 60;
/// Guesses within `recent_span` may not be likelier to succeed than this.
const LIKELIEST: f64 = 1e-3;

impl Policy {
    /// Judges the numbers as a whole.
    ///
    /// # Errors
    /// Everything that is wrong, in words.
    pub fn judge(&self) -> Result<(), PolicyFault> {
        let mut wrong = Wrong(Vec::new());
        self.passwords(&mut wrong);
        self.codes(&mut wrong);
        self.lifetimes(&mut wrong);
        self.requests(&mut wrong);
        self.delivery(&mut wrong);
        if wrong.0.is_empty() { Ok(()) } else { Err(PolicyFault::Unsound(wrong.0)) }
    }

    fn passwords(&self, wrong: &mut Wrong) {
        let password = &self.password;
        wrong.outside("password.shortest", password.shortest, 8, 64);
        wrong.outside("password.longest", password.longest, 256, 4096);
        wrong.outside("password.strength", password.strength.into(), 0, 4);
        wrong.seconds("password.change_after", password.change_after, 0, 10 * YEAR);
        wrong.cost("password.cost", password.cost);
        wrong.throttle("password.throttle", &password.throttle);
        wrong.outside("pin.shortest", self.pin.shortest, 4, 12);
        wrong.outside("pin.longest", self.pin.longest, self.pin.shortest.max(4), 64);
        wrong.throttle("pin.throttle", &self.pin.throttle);
        wrong.unless(
            self.pin.throttle.disable_after <= 100,
            "pin.throttle.disable_after: a PIN is short, so at most 100 wrong ones in a row may be borne",
        );
        // Whoever knows a login must not be able to lock it: nothing would come of a number here.
        for (name, throttle) in [("password", &password.throttle), ("recovery", &self.recovery.throttle)] {
            for (limit, found) in
                [("disable_after", throttle.disable_after), ("recent_limit", throttle.recent_limit)]
            {
                wrong.unless(
                    found == u32::MAX,
                    &format!("{name}.throttle.{limit}: \"never\", for it is delayed and never disabled"),
                );
            }
        }
        wrong.outside("recovery.codes", self.recovery.codes.into(), 1, 50);
        wrong.unless(self.recovery.bits == 80, "recovery.bits: codes have 80 random bits");
        wrong.cost("recovery.cost", self.recovery.cost);
        wrong.throttle("recovery.throttle", &self.recovery.throttle);
    }

    fn codes(&self, wrong: &mut Wrong) {
        let (generator, token) = (&self.generator, &self.token);
        wrong.seconds("generator.period", generator.period, 15, 300);
        wrong.outside("generator.drift", usize::try_from(generator.drift).unwrap_or(usize::MAX), 0, 20);
        let steps = |past: u32, future| past.checked_add(future).and_then(|steps| steps.checked_add(1));
        for (name, future) in [
            ("generator.future", generator.future),
            ("generator.high_value_future", generator.high_value_future),
        ] {
            wrong.unless(
                Window::steps(generator.past, future).is_ok(),
                &format!("{name}: a window has at most {} steps", Window::MAX_STEPS),
            );
        }
        wrong.unless(
            token.window().is_ok(),
            &format!("token.look_ahead: at most {} counters", Window::MAX_STEPS - 2),
        );
        // A suite of OCRA may count both.
        let times = steps(generator.past, generator.future).unwrap_or(u32::MAX);
        wrong.unless(
            token.look_ahead.saturating_add(1).saturating_mul(times) <= Window::MAX_STEPS,
            &format!("token.look_ahead: it and the present one, times the steps of generator's window, are at most {}", Window::MAX_STEPS),
        );
        wrong.unless(
            token.look_ahead <= token.resynchronise && token.resynchronise <= token.officer_resynchronise,
            "token: look_ahead ≤ resynchronise ≤ officer_resynchronise",
        );
        wrong.unless(
            token.officer_resynchronise <= Hotp::MAX_RESYNCHRONISATION,
            &format!("token.officer_resynchronise: at most {} counters", Hotp::MAX_RESYNCHRONISATION),
        );
        let kinds = [
            ("generator", generator.digits, steps(generator.past, generator.future), generator.throttle),
            ("token", token.digits, token.look_ahead.checked_add(1), token.throttle),
        ];
        for (name, digits, steps, throttle) in kinds {
            wrong.unless(
                Digits::new(digits).is_ok_and(|digits| digits.count() <= 8),
                &format!("{name}.digits: 6 to 8"),
            );
            wrong.throttle(&format!("{name}.throttle"), &throttle);
            let tries = throttle.most_guesses();
            let found = odds(steps.unwrap_or(u32::MAX), digits, tries);
            wrong.unless(
                found <= LIKELIEST,
                &format!("{name}: {tries} guesses would succeed with probability {found:.1e}, more than {LIKELIEST:.0e}"),
            );
        }
        let issued = &self.issued;
        wrong.unless((6..=8).contains(&issued.digits), "issued.digits: 6 to 8");
        wrong.seconds("issued.lifetime", issued.lifetime, 30, 600);
        wrong.outside("issued.tries", usize::try_from(issued.tries).unwrap_or(usize::MAX), 1, 10);
        wrong.seconds("issued.resend", issued.resend, 30, 3600);
        wrong.unless(
            (1..=issued.per_day).contains(&issued.per_hour) && issued.per_day <= 100,
            "issued: 1 ≤ per_hour ≤ per_day ≤ 100",
        );
        wrong.unless((1..=10).contains(&issued.support_after), "issued.support_after: 1 to 10");
        wrong.unless((2..=4).contains(&self.push.digits), "push.digits: 2 to 4");
        wrong.seconds("push.lifetime", self.push.lifetime, 30, 600);
        wrong.unless((1..=60).contains(&self.push.per_hour), "push.per_hour: 1 to 60");
    }

    fn requests(&self, wrong: &mut Wrong) {
        let (access, request) = (&self.access, &self.request);
        wrong.unless((1..=1000).contains(&access.families), "access.families: 1 to 1,000");
        wrong.outside("access.actors", access.actors, 1, 15);
        wrong.outside("access.client_keys", access.client_keys, 1, 1000);
        wrong.seconds("request.tolerance", request.tolerance, 1, 900);
        wrong.seconds("request.remembered", request.remembered, 1, 24 * 3600);
        wrong.unless(
            request.remembered > 2 * request.tolerance,
            "request: remembered is more than twice tolerance, else a request could be repeated when it is forgotten",
        );
        wrong.unless(
            (1..=request.everyone).contains(&request.per_key) && request.everyone <= 100_000_000,
            "request: 1 ≤ per_key ≤ everyone ≤ 100,000,000",
        );
        wrong.seconds("request.server_nonce", request.server_nonce, 10, 3600);
        wrong.outside("request.body", request.body, 1024, 64 << 20);
    }

    fn delivery(&self, wrong: &mut Wrong) {
        let delivery = &self.delivery;
        wrong.seconds("delivery.lease", delivery.lease, 5, 600);
        wrong.seconds("delivery.retry", delivery.retry, 1, 600);
        wrong.seconds("delivery.longest_retry", delivery.longest_retry, delivery.retry.max(1), 3600);
        wrong.seconds("delivery.notice", delivery.notice, 300, 7 * 24 * 3600);
        wrong.seconds("delivery.receipt_wait", delivery.receipt_wait, 60, 7 * 24 * 3600);
        wrong.seconds("delivery.archive", delivery.archive, 3600, 10 * YEAR);
        wrong.seconds("delivery.feed", delivery.feed, 3600, 10 * YEAR);
        wrong.unless((1..=10_000).contains(&delivery.per_address), "delivery.per_address: 1 to 10,000");
        wrong.unless(
            delivery.per_address <= delivery.per_network
                && delivery.per_network <= delivery.per_country
                && delivery.per_country <= delivery.budget
                && delivery.budget <= 1_000_000_000,
            "delivery: per_address ≤ per_network ≤ per_country ≤ budget ≤ 1,000,000,000",
        );
    }

    fn lifetimes(&self, wrong: &mut Wrong) {
        let session = &self.session;
        wrong.seconds("challenge.lifetime", self.challenge.lifetime, 30, 900);
        wrong.seconds("challenge.enrolment", self.challenge.enrolment, 60, 3600);
        wrong.unless((1..=10).contains(&self.challenge.tries), "challenge.tries: 1 to 10");
        wrong.unless((1..=10_000).contains(&self.challenge.per_hour), "challenge.per_hour: 1 to 10,000");
        wrong.seconds("session.longest", session.longest, 60, 30 * 24 * 3600);
        wrong.seconds("session.idle", session.idle, 60, session.longest.max(60));
        wrong.seconds("session.access_token", session.access_token, 30, session.longest.max(30));
        wrong.seconds("session.fresh", session.fresh, 30, session.longest.max(30));
        wrong.unless(session.touch < session.idle, "session.touch: shorter than session.idle");
        wrong.unless((1..=1000).contains(&session.most), "session.most: 1 to 1,000");
        wrong.seconds("device.trusted", self.device.trusted, 3600, YEAR);
        wrong.unless((1..=100).contains(&self.device.most), "device.most: 1 to 100");
        wrong.seconds("budget.span", self.budget.span, 60, 24 * 3600);
        let (device, strangers) = (self.budget.device, self.budget.strangers);
        wrong.unless((1..=1000).contains(&device), "budget.device: 1 to 1,000");
        wrong.unless((1..=1000).contains(&strangers), "budget.strangers: 1 to 1,000");
        wrong.unless(self.budget.everyone >= strangers, "budget.everyone: at least budget.strangers");
        wrong.seconds("operation.lifetime", self.operation.lifetime, 30, 3600);
        wrong.seconds("operation.remembered", self.operation.remembered, self.operation.lifetime, 10 * YEAR);
        wrong.unless((1..=50).contains(&self.contact.most), "contact.most: 1 to 50");
        wrong.unless((1..=100).contains(&self.factor.most), "factor.most: 1 to 100");
        let journal = &self.journal;
        wrong.seconds("journal.integrate", journal.integrate, 1, 3600);
        wrong.seconds("journal.checkpoint", journal.checkpoint, 1, 86_400);
        wrong.seconds("journal.witness", journal.witness, 1, 7 * 86_400);
        wrong.unless(
            journal.details == 0 || (30 * 86_400..=100 * YEAR).contains(&journal.details),
            "journal.details: 0 for as long as their account, or 30 days to 100 years",
        );
        wrong.unless(
            journal.integrate <= journal.checkpoint && journal.checkpoint <= journal.witness,
            "journal: integrate ≤ checkpoint ≤ witness, since each goes over what the one before left",
        );
        wrong.seconds("contact.reversible", self.contact.reversible, 3600, 30 * 24 * 3600);
        wrong.unless((1..=5).contains(&self.factor.weakest), "factor.weakest: 1 to 5");
        wrong.seconds("power.longest", self.power.longest, 3600, 10 * YEAR);
    }
}

struct Wrong(Vec<String>);

impl Wrong {
    fn unless(&mut self, right: bool, problem: &str) {
        if !right {
            self.0.push(problem.into());
        }
    }

    fn outside(&mut self, name: &str, found: usize, least: usize, most: usize) {
        self.unless((least..=most).contains(&found), &format!("{name}: {least} to {most}, not {found}"));
    }

    fn seconds(&mut self, name: &str, found: u64, least: u64, most: u64) {
        self.unless((least..=most).contains(&found), &format!("{name}: {least} to {most} s, not {found}"));
    }

    fn cost(&mut self, name: &str, cost: Argon2Cost) {
        self.unless(
            cost.bounded().is_ok(),
            &format!("{name}: beyond what Argon2id or this machine can bear"),
        );
    }

    fn throttle(&mut self, name: &str, throttle: &Throttle) {
        self.unless(
            throttle.first_delay > 0 && throttle.first_delay <= throttle.longest_delay,
            &format!("{name}: 0 < first_delay ≤ longest_delay"),
        );
        self.seconds(&format!("{name}.longest_delay"), throttle.longest_delay, 1, 24 * 3600);
        self.unless(
            throttle.free < throttle.disable_after && throttle.free <= 100,
            &format!("{name}: free is below disable_after, and at most 100"),
        );
        self.seconds(&format!("{name}.recent_span"), throttle.recent_span, 3600, YEAR);
        for (limit, found) in
            [("disable_after", throttle.disable_after), ("recent_limit", throttle.recent_limit)]
        {
            let bounded = (1..=1000).contains(&found) || found == u32::MAX;
            self.unless(bounded, &format!("{name}.{limit}: 1 to 1,000, or \"never\""));
        }
        self.unless(
            throttle.recent_limit >= throttle.disable_after,
            &format!("{name}: recent_limit is at least disable_after"),
        );
    }
}
