use conduit::rpc;

#[rpc]
const fn one() -> u8 {
    1
}

#[rpc]
unsafe fn two() -> u8 {
    2
}

#[rpc]
extern "C" fn three() -> u8 {
    3
}

fn main() {}
