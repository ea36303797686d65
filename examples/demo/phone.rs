//! The user's phone: all it ever learns is the text of the QR code.

use zamok::otp::{OtpUri, Totp};
use zamok::{Clock, SystemClock};

use crate::story::Told;

pub(crate) struct Phone {
    generator: Totp,
    /// The time step in which it scanned the code. Its codes are counted from here, so that a border between two steps
    /// that passes meanwhile makes no difference.
    first: u64,
    secret: Vec<u8>,
}

impl Phone {
    pub(crate) fn scan(qr: &str) -> Told<Self> {
        let uri = OtpUri::parse(qr)?;
        let parameters =
            uri.totp_parameters().ok_or("the QR code is not one of a generator that counts time")?;
        let secret = uri.secret().expose().to_vec();
        let generator = Totp::new(uri.secret(), parameters)?;
        let first = generator.step_at(SystemClock.now())?;
        Ok(Self { generator, first, secret })
    }

    /// The code that the phone shows so many time steps after it scanned the code.
    pub(crate) fn code(&self, steps: u64) -> String {
        self.generator.code_of_step(self.first + steps).to_string()
    }

    /// A code that belongs to no step that could be near.
    pub(crate) fn wrong_code(&self) -> String {
        let near: Vec<_> = (self.first.saturating_sub(5)..=self.first + 5)
            .map(|step| self.generator.code_of_step(step).to_string())
            .collect();
        let candidates = ["000000", "111111", "222222", "333333", "444444", "555555"].map(String::from);
        let others = (0..1_000_000).map(|number| format!("{number:06}"));
        candidates.into_iter().chain(others).find(|code| !near.contains(code)).unwrap_or_default()
    }

    /// The secret, to go looking for it.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }
}
