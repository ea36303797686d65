//! Every transition of the cabinet, and every edge of its state machines, in the lives of four people: what is killed in
//! `every_transition.rs`.
#![allow(dead_code, missing_docs, clippy::missing_panics_doc)]

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use zamok_cabinet::{
    AccountStep, Approach, Begun, Cabinet, Category, Challenge, Content, DeviceAnswer, Enrolment, Error,
    Evidence, Hours, ImportedPassword, Limits, MessageKind, Notice, OperationId, Password, Pin, Policy,
    PowerKind, Preferences, Priority, Quiet, Right, Rights, Role, Session, Settled, Subscription, SweepPlace,
    Template, Terms, Value, Which,
};
use zamok_core::otp::{Hotp, HotpParameters};
use zamok_core::secret::Secret;
use zamok_host::ManualClock;

use crate::harness::{Phone, password, request};

const PHONE: &str = "+79160000001";
const OTHER: &str = "+79160000002";
const THIRD: &str = "+79160000003";
const SEED: &[u8] = b"12345678901234567890";
/// What another system kept of `password()`: RFC 8018, made with the `hashlib` of Python.
const FOREIGN: &str =
    "$pbkdf2-sha256$i=1000$c2l4dGVlbiBieXRlcyBvZg$0lBrYX94ViAtVr3Xt8m+moAsoDBHa7oyseUsmGnllo4";

/// The key of a device, made by another implementation of P-256.
pub(crate) struct DeviceKey(SigningKey);

impl DeviceKey {
    pub(crate) fn new(number: u8) -> Self {
        Self(SigningKey::from_slice(&[number; 32]).unwrap())
    }

    /// SubjectPublicKeyInfo: RFC 5480 §2, with an uncompressed point.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        const HEADER: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
            0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        [&HEADER[..], self.0.verifying_key().to_sec1_point(false).as_bytes()].concat()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_bytes().to_vec()
    }
}

/// What a carrier brings, of one kind; the outbox is empty then.
pub(crate) fn field(cabinet: &Cabinet, kind: MessageKind, name: &str) -> String {
    let mut found = String::new();
    for message in cabinet.outbox(100).unwrap() {
        if message.kind == kind {
            found = message.field(name).unwrap_or_default().to_owned();
        }
        cabinet.settle(&message, Settled::HandedOver).unwrap();
    }
    found
}

pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn content(number: i64) -> Content {
    let text = "Turn to page {page}.".into();
    let template = Template { name: "page".into(), version: 1, language: "en".into(), text };
    Content::new(template, [("page".into(), Value::Number(number))]).unwrap()
}

fn wanted(begun: Begun) -> Challenge {
    match begun {
        Begun::Code(challenge) => challenge,
        Begun::Enrol(_) => panic!("the account has a factor"),
    }
}

/// Lives through all of it, and tells after each transition that it has been answered.
#[allow(clippy::too_many_lines)]
pub(crate) fn live(cabinet: &Cabinet, clock: &ManualClock, told: &mut dyn FnMut(&str)) {
    let now = || cabinet.vault().now();
    let by = |login: &str, evidence| {
        let approach = Approach { by: Some(evidence), ..Approach::default() };
        cabinet.begin_login_from(login, &password(), &approach).map(wanted)
    };
    // The same service under other numbers: a phone alone logs in, and one wrong code is one too many.
    let mut policy = cabinet.policy().clone();
    policy.contact.login = true;
    policy.challenge.tries = 1;
    policy.generator.throttle.disable_after = 1;
    let narrow = Cabinet::open(cabinet.vault().clone()).unwrap().with_policy(policy);
    macro_rules! done {
        ($what:literal, $made:expr) => {{
            let made = $made;
            told($what);
            made
        }};
    }
    // The first factor.
    done!("register", cabinet.register("ivan", &password()).unwrap());
    let Begun::Enrol(enrolment) =
        done!("begin an enrolment", cabinet.begin_login("ivan", &password()).unwrap())
    else {
        panic!("the account has no factor")
    };
    let _withdrawn = done!("offer a generator", cabinet.offer_generator(&enrolment).unwrap());
    let offer = done!("offer another", cabinet.offer_generator(&enrolment).unwrap());
    let phone = Phone::scan(offer.uri.as_str());
    let test = phone.code(now());
    done!("fail the test", cabinet.confirm_factor(&enrolment, &phone.wrong(now())).unwrap_err());
    done!("pass the test", cabinet.confirm_factor(&enrolment, &test).unwrap());
    clock.advance(30);
    // Logins, and what a session bears.
    done!("fail a password", cabinet.begin_login("ivan", &Password::new("wrong horse battery")).unwrap_err());
    done!("fail an unknown login", cabinet.begin_login("nobody", &password()).unwrap_err());
    let begun = done!("begin a login", wanted(cabinet.begin_login("ivan", &password()).unwrap()));
    done!("fail a code", cabinet.answer(&begun, &phone.wrong(now()), request()).unwrap_err());
    let session = done!("answer", cabinet.answer(&begun, &phone.code(now()), request()).unwrap());
    clock.advance(120);
    let session = done!("use", cabinet.session(session.id).unwrap());
    let again = done!("begin again", cabinet.begin_again(&session, None).unwrap());
    done!("answer again", cabinet.answer_again(&session, &again, &phone.code(now()), request()).unwrap());
    done!("sign", cabinet.sign(&session, b"I agree.", "consent").unwrap());
    let token = done!("trust a device", cabinet.trust_device(&session, "phone").unwrap());
    let session = cabinet.session(session.id).unwrap();
    // More factors, in the session.
    let enrolment = done!("begin a factor", cabinet.begin_factor(&session).unwrap());
    done!("offer SMS", cabinet.offer_channel(&enrolment, PHONE).unwrap());
    clock.advance(60);
    done!("send again", cabinet.send_enrolment_again(&enrolment).unwrap());
    let code = field(cabinet, MessageKind::EnrolmentCode, "code");
    done!("confirm SMS", cabinet.confirm_factor(&enrolment, &code).unwrap());
    clock.advance(60);
    let device = DeviceKey::new(7);
    let enrolment = done!("begin a certificate", cabinet.begin_factor(&session).unwrap());
    done!(
        "offer a certificate",
        cabinet.offer_certificate(&enrolment, &device.public_key(), "laptop").unwrap()
    );
    let signed = |question: &[u8]| {
        use base64ct::{Base64UrlUnpadded, Encoding as _};
        Base64UrlUnpadded::encode_string(&device.sign(&DeviceAnswer::Sign.message(question, "")))
    };
    let question = cabinet.enrolment_question(&enrolment).unwrap();
    done!("confirm a certificate", cabinet.confirm_factor(&enrolment, &signed(&question)).unwrap());
    let enrolment = done!("begin push", cabinet.begin_factor(&session).unwrap());
    done!(
        "offer push",
        cabinet.offer_push(&enrolment, token.device(), &device.public_key(), "phone").unwrap()
    );
    let asked = unhex(&field(cabinet, MessageKind::ApprovalRequest, "request"));
    let number = cabinet.enrolment_number(&enrolment).unwrap();
    let approval = |asked: &[u8], number: &str| device.sign(&DeviceAnswer::Approve.message(asked, number));
    done!("approve", cabinet.approve(&asked, &number, &approval(&asked, &number)).unwrap());
    done!("confirm push", cabinet.confirm_factor(&enrolment, "").unwrap());
    clock.advance(60);
    let again = done!("begin again to be fresh", cabinet.begin_again(&session, None).unwrap());
    done!("be fresh", cabinet.answer_again(&session, &again, &phone.code(now()), request()).unwrap());
    let enrolment = done!("begin a PIN", cabinet.begin_factor(&session).unwrap());
    done!("offer a PIN", cabinet.offer_pin(&session, &enrolment, &Pin::new("190357")).unwrap());
    done!("confirm a PIN", cabinet.confirm_factor(&enrolment, "190357").unwrap());
    // Logins with each.
    let begun = done!("begin by push", by("ivan", Evidence::Push).unwrap());
    let asked = unhex(&field(cabinet, MessageKind::ApprovalRequest, "request"));
    let declined = device.sign(&DeviceAnswer::Decline.message(&asked, ""));
    done!("decline", cabinet.decline(&asked, &declined).unwrap());
    done!("answer what was declined", cabinet.answer(&begun, "", request()).unwrap_err());
    let begun = done!("begin by certificate", by("ivan", Evidence::Certificate).unwrap());
    let answer = signed(&cabinet.question(&begun).unwrap());
    done!("answer by certificate", cabinet.answer(&begun, &answer, request()).unwrap());
    let approach = Approach::default();
    let begun = done!("begin by PIN", cabinet.begin_login_by_device(&token, &approach).unwrap());
    done!("fail a PIN", cabinet.answer(&begun, "190358", request()).unwrap_err());
    done!("answer by PIN", cabinet.answer(&begun, "190357", request()).unwrap());
    let begun = done!("begin to choose", wanted(cabinet.begin_login("ivan", &password()).unwrap()));
    let sms =
        cabinet.methods(&begun).unwrap().into_iter().find(|method| method.evidence == Evidence::Sms).unwrap();
    let begun = done!("choose", cabinet.switch_method(&begun, sms.factor).unwrap());
    let code = field(cabinet, MessageKind::LoginCode, "code");
    let session = done!("answer by SMS", cabinet.answer(&begun, &code, request()).unwrap());
    clock.advance(60);
    // The owner's own affairs.
    let factors = cabinet.factors(&session).unwrap();
    done!("rename", cabinet.rename_factor(&session, factors[2].id, "old laptop").unwrap());
    done!("prefer", cabinet.prefer_factor(&session, factors[1].id).unwrap());
    done!("drop", cabinet.drop_factor(&session, factors[2].id).unwrap());
    let change = done!("begin a change", cabinet.begin_change(&session, factors[1].id).unwrap());
    let code = field(cabinet, MessageKind::AgreementCode, "code");
    done!("agree", cabinet.agree(&session, &change.agreement.unwrap(), &code, request()).unwrap());
    done!("offer the new one", cabinet.offer_channel(&change.enrolment, OTHER).unwrap());
    let code = field(cabinet, MessageKind::EnrolmentCode, "code");
    done!("change", cabinet.confirm_factor(&change.enrolment, &code).unwrap());
    clock.advance(60);
    let undo = done!("begin to undo", cabinet.begin_undo("ivan", &password(), &approach).unwrap());
    let code = field(cabinet, MessageKind::UndoCode, "code");
    let session = done!("undo", cabinet.undo_change(&undo, &code, request()).unwrap());
    clock.advance(60);
    let enrolment = done!("begin a contact", cabinet.begin_factor(&session).unwrap());
    done!("offer a contact", cabinet.offer_contact(&enrolment, "ivan@example.org").unwrap());
    let code = field(cabinet, MessageKind::EnrolmentCode, "code");
    done!("confirm a contact", cabinet.confirm_factor(&enrolment, &code).unwrap());
    let contact =
        cabinet.account(&session).unwrap().contacts.into_iter().find(|contact| contact.address.contains('@'));
    done!("drop a contact", cabinet.drop_contact(&session, contact.unwrap().id).unwrap());
    // Operations.
    let id = |number: u8| OperationId([number; 16]);
    done!("propose", cabinet.propose(&session, id(1), &content(1)).unwrap());
    done!("change what it says", cabinet.change_operation(&session, id(1), &content(2)).unwrap());
    clock.advance(30);
    let begun = done!(
        "begin a confirmation",
        cabinet.begin_confirmation(&session, id(1), Some(Evidence::Generator)).unwrap()
    );
    done!(
        "fail a confirmation",
        cabinet.confirm(&session, &begun, &phone.wrong(now()), request()).unwrap_err()
    );
    done!("confirm", cabinet.confirm(&session, &begun, &phone.code(now()), request()).unwrap());
    done!("change what was confirmed", cabinet.change_operation(&session, id(1), &content(1)).unwrap());
    let confirming = |number| cabinet.begin_confirmation(&session, id(number), Some(Evidence::Generator));
    clock.advance(30);
    let begun = done!("begin to confirm again", confirming(1).unwrap());
    done!("confirm again", cabinet.confirm(&session, &begun, &phone.code(now()), request()).unwrap());
    done!("execute", cabinet.execute(id(1), |_, _| Ok(vec![1])).unwrap());
    done!("execute again", cabinet.execute(id(1), |_, _| Ok(vec![2])).unwrap());
    done!("propose another", cabinet.propose(&session, id(2), &content(3)).unwrap());
    done!("cancel", cabinet.cancel_operation(&session, id(2)).unwrap());
    done!("propose a third", cabinet.propose(&session, id(3), &content(4)).unwrap());
    clock.advance(30);
    let begun = done!("begin to confirm a third", confirming(3).unwrap());
    done!("confirm a third", cabinet.confirm(&session, &begun, &phone.code(now()), request()).unwrap());
    done!("cancel what was confirmed", cabinet.cancel_operation(&session, id(3)).unwrap());
    // Two that nobody comes back to.
    done!("propose a fourth", cabinet.propose(&session, id(4), &content(5)).unwrap());
    clock.advance(30);
    let begun = done!("begin to confirm a fourth", confirming(4).unwrap());
    done!("confirm a fourth", cabinet.confirm(&session, &begun, &phone.code(now()), request()).unwrap());
    done!("propose a fifth", cabinet.propose(&session, id(5), &content(6)).unwrap());
    // Sessions and devices.
    clock.advance(30);
    let other = log_in(cabinet, &phone);
    done!("revoke", cabinet.revoke_session(&session, other.id).unwrap());
    done!("end the others", cabinet.end_sessions(&session, Which::Others).unwrap());
    done!("block a device", cabinet.block_device(&session, token.device()).unwrap());
    done!("remove a device", cabinet.remove_device(&session, token.device()).unwrap());
    done!("log out", cabinet.end_session(session.id, "logout").unwrap());
    // Somebody who comes from another system, and has a phone alone.
    let imported = ImportedPassword::parse(FOREIGN).unwrap();
    done!("register from elsewhere", cabinet.register_imported("boris", &imported).unwrap());
    let Begun::Enrol(enrolment) =
        done!("make a hash anew", cabinet.begin_login("boris", &password()).unwrap())
    else {
        panic!("the account has no factor")
    };
    done!("offer a phone", cabinet.offer_channel(&enrolment, THIRD).unwrap());
    let code = field(cabinet, MessageKind::EnrolmentCode, "code");
    done!("confirm a phone", cabinet.confirm_factor(&enrolment, &code).unwrap());
    clock.advance(60);
    let begun = done!("begin by a phone", narrow.begin_login_by_phone(THIRD, &approach).unwrap());
    let (code, name) = (field(cabinet, MessageKind::LoginCode, "code"), request());
    done!("answer by a phone", cabinet.answer(&begun, &code, name).unwrap());
    done!("answer once more", cabinet.answer(&begun, &code, name).unwrap());
    let begun = done!("begin by SMS", wanted(cabinet.begin_login("boris", &password()).unwrap()));
    clock.advance(60);
    done!("send a login code again", cabinet.send_again(&begun).unwrap());
    let code = field(cabinet, MessageKind::LoginCode, "code");
    let first = done!("answer what was sent again", cabinet.answer(&begun, &code, request()).unwrap());
    let token = done!("trust another device", cabinet.trust_device(&first, "phone").unwrap());
    done!("trust it for longer", cabinet.trust_device(&first, "own phone").unwrap());
    let point = &device.public_key()[26..];
    let place = Subscription::new("https://push.example.org/1", point, &[1; 16]).unwrap();
    done!("subscribe", cabinet.subscribe(&first, &place).unwrap());
    done!("unsubscribe", cabinet.unsubscribe(&first).unwrap());
    // What was approved: offered anew, left, and answered with something else.
    let requested = || unhex(&field(cabinet, MessageKind::ApprovalRequest, "request"));
    let pushed =
        |enrolment: &Enrolment| cabinet.offer_push(enrolment, token.device(), &device.public_key(), "phone");
    let enrolment = done!("begin an approval", cabinet.begin_factor(&first).unwrap());
    done!("offer an approval", pushed(&enrolment).unwrap());
    let (asked, number) = (requested(), cabinet.enrolment_number(&enrolment).unwrap());
    done!("approve too early", cabinet.approve(&asked, &number, &approval(&asked, &number)).unwrap());
    done!("offer it anew", pushed(&enrolment).unwrap());
    let (asked, number) = (requested(), cabinet.enrolment_number(&enrolment).unwrap());
    done!("approve it anew", cabinet.approve(&asked, &number, &approval(&asked, &number)).unwrap());
    done!("confirm an approval", cabinet.confirm_factor(&enrolment, "").unwrap());
    clock.advance(60);
    let begun = done!("begin what is left approved", by("boris", Evidence::Push).unwrap());
    let (asked, number) = (requested(), cabinet.number_to_show(&begun).unwrap());
    done!("approve what is left", cabinet.approve(&asked, &number, &approval(&asked, &number)).unwrap());
    clock.advance(60);
    let begun = done!("begin by approval", by("boris", Evidence::Push).unwrap());
    let (asked, number) = (requested(), cabinet.number_to_show(&begun).unwrap());
    done!("approve a login", cabinet.approve(&asked, &number, &approval(&asked, &number)).unwrap());
    let sms = cabinet.factors_of("boris").unwrap()[0].id;
    let begun = done!("choose after approval", cabinet.switch_method(&begun, sms).unwrap());
    let code = field(cabinet, MessageKind::LoginCode, "code");
    let boris = done!("answer what was chosen", cabinet.answer(&begun, &code, request()).unwrap());
    // Nobody ends this session, nor forgets this device.
    done!("trust what stays", cabinet.trust_device(&boris, "tablet").unwrap());
    let contact = done!(
        "vouch for an address",
        cabinet.vouch_contact("boris", "boris@example.org", "seen at the desk").unwrap()
    );
    let change = done!("begin a contact's change", cabinet.begin_contact_change(&boris, contact.id).unwrap());
    let code = field(cabinet, MessageKind::AgreementCode, "code");
    done!("agree to it", cabinet.agree(&boris, &change.agreement.unwrap(), &code, request()).unwrap());
    done!("offer another address", cabinet.offer_contact(&change.enrolment, "boris@example.net").unwrap());
    let code = field(cabinet, MessageKind::EnrolmentCode, "code");
    done!("change a contact", cabinet.confirm_factor(&change.enrolment, &code).unwrap());
    done!("remove a contact", cabinet.remove_contact("boris", contact.id, "asked for").unwrap());
    let preferences = Preferences { language: "ru".into(), ..Preferences::default() };
    done!("set preferences", cabinet.set_preferences(&boris, &preferences).unwrap());
    let quiet = Quiet::new(22 * 60, 8 * 60, 180);
    done!(
        "change preferences",
        cabinet.change_preferences(&boris, |preferences| preferences.quiet = quiet).unwrap()
    );
    let (category, priority) = (Category::Service, Priority::Normal);
    let notice =
        Notice { category, priority, title: "A letter", text: "It is here.", link: "", language: "en" };
    done!("notify", cabinet.notify("boris", &notice).unwrap());
    done!("forget a device", cabinet.remove_device(&boris, token.device()).unwrap());
    // Another person, powers, and what officers do.
    done!("register another", cabinet.register("olga", &password()).unwrap());
    done!("vouch", cabinet.vouch_contact("olga", "olga@example.org", "seen at the desk").unwrap());
    let token =
        done!("assign a token", cabinet.assign_token("olga", &Secret::new(SEED).unwrap(), 0, "T-1").unwrap());
    let hotp = Hotp::new(&Secret::new(SEED).unwrap(), HotpParameters::default());
    let code = |counter| hotp.code(counter).to_string();
    done!("confirm a token", cabinet.confirm_token("olga", token, &code(0)).unwrap());
    done!("resynchronise", cabinet.resynchronise_token("olga", token, [&code(40), &code(41)]).unwrap());
    clock.advance(30);
    let ivan = log_in(cabinet, &phone);
    let olga = cabinet.begin_login("olga", &password()).map(wanted).unwrap();
    let olga = cabinet.answer(&olga, &code(42), request()).unwrap();
    let terms = Terms {
        kind: PowerKind::Attorney,
        rights: Rights::of(&[Right::View]),
        scope: vec!["tax".into()],
        until: now().plus(86_400),
    };
    let power = done!("offer a power", cabinet.give_power(&ivan, "olga", &terms).unwrap());
    done!("accept a power", cabinet.accept_power(&olga, power.id).unwrap());
    let may = cabinet.authorise(&olga, Right::View, ivan.account, "tax", None);
    done!("act for another", may.unwrap());
    done!("end a power", cabinet.end_power(&ivan, power.id).unwrap());
    let power = done!("offer another power", cabinet.give_power(&ivan, "olga", &terms).unwrap());
    done!("decline a power", cabinet.end_power(&olga, power.id).unwrap());
    let masha = Password::new("two otters in the morning");
    done!("open a profile", cabinet.open_profile(&ivan, "masha", &masha).unwrap());
    let tablet = done!("trust a tablet", cabinet.trust_device(&ivan, "tablet").unwrap());
    done!("block a device of", cabinet.block_device_of("ivan", tablet.device(), "stolen").unwrap());
    let hours = Hours { from: 0, until: 24 * 60, days: 127 };
    let limits = Limits { hours: Some(hours), networks: Vec::new() };
    done!("set roles", cabinet.set_roles("olga", Role::Citizen.into(), &limits).unwrap());
    done!("set an attribute", cabinet.set_attribute("olga", "tax", Some("confirmed")).unwrap());
    done!("suspend", cabinet.suspend_account("olga", AccountStep::Suspend, "asked for").unwrap());
    done!("resume", cabinet.suspend_account("olga", AccountStep::Resume, "asked for").unwrap());
    done!(
        "reset a password",
        cabinet.reset_password("olga", &Password::new("nine herons over the river"), "lost").unwrap()
    );
    // This token waits for its test until its account is erased.
    let secret = Secret::new(b"09876543210987654321").unwrap();
    done!("assign another token", cabinet.assign_token("masha", &secret, 0, "T-2").unwrap());
    done!("suspend a profile", cabinet.suspend_account("masha", AccountStep::Suspend, "asked for").unwrap());
    // Passwords and recovery.
    clock.advance(30);
    let ivan = log_in(cabinet, &phone);
    let codes = done!("make recovery codes", cabinet.new_recovery_codes(&ivan).unwrap());
    done!("fail to recover", cabinet.recover("ivan", &password(), "01-AAAA-AAAA-AAAA-AAAA").unwrap_err());
    let enrolment = done!("recover", cabinet.recover("ivan", &password(), codes[1].as_str()).unwrap());
    let offer = done!("offer after recovery", cabinet.offer_generator(&enrolment).unwrap());
    let phone = Phone::scan(offer.uri.as_str());
    done!("enrol after recovery", cabinet.confirm_generator(&enrolment, &phone.code(now())).unwrap());
    clock.advance(30);
    let ivan = log_in(cabinet, &phone);
    let new = Password::new("a garden behind the station");
    done!("change the password", cabinet.change_password(&ivan, &password(), &new).unwrap());
    done!("end sessions of", cabinet.end_sessions_of("ivan", "on suspicion").unwrap());
    let begun = done!("begin to fail", wanted(narrow.begin_login("ivan", &new).unwrap()));
    done!("fail too often", narrow.answer(&begun, &phone.wrong(now()), request()).unwrap_err());
    done!("resume a generator", cabinet.resume_generator("ivan", "seen at the desk").unwrap());
    let begun = done!("begin to fail again", wanted(narrow.begin_login("ivan", &new).unwrap()));
    done!("fail too often again", narrow.answer(&begun, &phone.wrong(now()), request()).unwrap_err());
    let generator = cabinet.factors_of("ivan").unwrap().last().unwrap().id;
    done!("remove a factor", cabinet.remove_factor("ivan", generator, "lost").unwrap());
    done!("let enrol", cabinet.let_enrol("ivan", "seen at the desk").unwrap());
    let _left = done!("begin what is left open", cabinet.begin_login("ivan", &new).unwrap());
    let mut policy = Policy::strict();
    policy.session.most += 1;
    done!("keep a policy", cabinet.keep_policy(&policy).unwrap());
    done!("erase", cabinet.erase_account("olga", "asked for").unwrap());
    done!("erase whoever is suspended", cabinet.erase_account("masha", "asked for").unwrap());
    clock.advance(40 * 24 * 3600);
    let mut next = Some(SweepPlace::default());
    while let Some(place) = next {
        next = done!("sweep", cabinet.sweep(&place).unwrap()).next;
    }
}

fn log_in(cabinet: &Cabinet, phone: &Phone) -> Session {
    let approach = Approach { by: Some(Evidence::Generator), ..Approach::default() };
    let begun = cabinet.begin_login_from("ivan", &password(), &approach).map(wanted).unwrap();
    cabinet
        .answer(&begun, &phone.code(cabinet.vault().now()), request())
        .map_err(|error: Error| error)
        .unwrap()
}
