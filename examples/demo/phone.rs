//! The user's phone: all it ever learns is the text of the QR code.

use zamok::otp::{OtpUri, Totp};
use zamok::{Clock, SystemClock};

use crate::story::Told;

pub(crate) struct Phone {
    generator: Totp,
    secret: Vec<u8>,
}

impl Phone {
    pub(crate) fn scan(qr: &str) -> Told<Self> {
        let uri = OtpUri::parse(qr)?;
        let parameters =
            uri.totp_parameters().ok_or("the QR code is not one of a generator that counts time")?;
        let secret = uri.secret().expose().to_vec();
        Ok(Self { generator: Totp::new(uri.secret(), parameters)?, secret })
    }

    /// The present time step, by the phone's clock.
    pub(crate) fn step(&self) -> Told<u64> {
        Ok(self.generator.step_at(SystemClock.now())?)
    }

    /// The code of a time step.
    pub(crate) fn code(&self, step: u64) -> String {
        self.generator.code_of_step(step).to_string()
    }

    /// A code that belongs to no step that could be near.
    pub(crate) fn wrong_code(&self, step: u64) -> String {
        let near: Vec<_> = (step.saturating_sub(5)..=step + 5).map(|step| self.code(step)).collect();
        let digits = ["000000", "111111", "222222", "333333", "444444", "555555"];
        let free = (0..1_000_000).map(|number| format!("{number:06}"));
        digits.map(String::from).into_iter().chain(free).find(|code| !near.contains(code)).unwrap_or_default()
    }

    /// The secret, to go looking for it.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }
}
