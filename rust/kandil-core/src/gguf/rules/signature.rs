//! Rules for signatures beside a file, which Python checks.

use super::rules;

rules! {
    SIGNATURE
    SIG_FORGED "KG-SIG-FORGED" Malicious "a signature that bears a trusted publisher's key, and was altered"
        why "The signature file names the key of a publisher whom you trust, but the key did not sign what stands there: somebody changed the list of digests after it was signed. No other statement about the file is worth more until this is explained."
        see "OpenSSF model signing, https://github.com/sigstore/model-transparency; DSSE, https://github.com/secure-systems-lab/dsse"
        passes "A signature by somebody else, or by nobody who is trusted, is not reported: it is not used, and a warning says so. One that was damaged in transfer is reported: fetch the signature again."
}
