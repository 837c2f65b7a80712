//! Who waits for whom, and who gives way.

use super::*;
use crate::perimeter::address::Address;
use crate::perimeter::connections::{ConnectionLimits, Connections, Place, Transfer};
use crate::storage::conformance::client;

const TELLING: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn party(from: &str, account: u128) -> Party {
    let visitor = Address::new(from.parse().unwrap()).visitor();
    Party { visitor, account: client(account), connection: None }
}

/// A body that is under way, and has room.
struct Body {
    place: Place,
    transfer: Transfer,
    _room: Room,
}

impl Body {
    fn was_cut(&self) -> bool {
        self.place.was_turned_away()
    }
}

struct World {
    pool: Arc<Pool>,
    connections: Arc<Connections>,
}

impl World {
    fn with_room_for(units: u32) -> Self {
        let limits = ConnectionLimits { total: 1000, per_address: None };
        Self { pool: Arc::new(Pool::new(units, TELLING)), connections: Arc::new(Connections::new(limits)) }
    }

    fn body(&self, from: &str, account: u128, units: u32) -> Body {
        let place = self.connections.place(Address::new(from.parse().unwrap()), false, None);
        let transfer = place.connection.begin_transfer(true);
        let party = Party { connection: Some(Arc::clone(&place.connection)), ..party(from, account) };
        let room = self.pool.try_take(&party, units).expect("room");
        Body { place, transfer, _room: room }
    }

    /// Whether somebody gets room within their patience, if what is cut off is given back.
    async fn serves(&self, from: &str, account: u128, units: u32, bodies: &mut Vec<Body>) -> bool {
        let newcomer = self.pool.take(party(from, account), units, PATIENCE);
        tokio::pin!(newcomer);
        loop {
            tokio::select! {
                served = &mut newcomer => return served.is_ok(),
                () = tokio::time::sleep(LOOK_EVERY) => bodies.retain(|body| !body.was_cut()),
            }
        }
    }
}

fn all_move(bodies: &[Body], bytes: usize) {
    for body in bodies {
        body.transfer.progress(bytes);
    }
}

async fn pass(time: Duration) {
    tokio::time::advance(time).await;
}

#[tokio::test(start_paused = true)]
async fn who_holds_least_is_served_next_and_of_those_who_came_first() {
    let world = World::with_room_for(2);
    let held = [world.body("198.51.100.7", 1, 1), world.body("192.0.2.1", 2, 1)];
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = tokio::task::JoinSet::new();
    for (name, from, account) in [
        ("greedy", "198.51.100.7", 3),
        ("its account", "203.0.113.1", 1),
        ("new", "192.0.2.2", 4),
        ("next", "192.0.2.3", 5),
    ] {
        let (pool, served) = (Arc::clone(&world.pool), Arc::clone(&served));
        waiting.spawn(async move {
            let room = pool.take(party(from, account), 1, PATIENCE).await;
            served.lock().unwrap().push(name);
            drop(room);
        });
        tokio::task::yield_now().await;
    }
    let [greedy, others] = held;
    assert!(world.pool.try_take(&party("192.0.2.4", 6), 1).is_none(), "nobody gets past those who wait");
    // One place comes free, again and again, while the greedy one's body goes on.
    drop(others);
    while waiting.join_next().await.is_some() {}
    assert_eq!(*served.lock().unwrap(), ["new", "next", "greedy", "its account"]);
    drop(greedy);
    let inner = world.pool.lock();
    assert_eq!((inner.free, inner.holding.len(), inner.waiting.len()), (2, 0, 0));
    assert!(inner.held.by_visitor.is_empty() && inner.held.by_account.is_empty());
}

#[tokio::test(start_paused = true)]
async fn bodies_that_hardly_move_give_way_to_whoever_holds_less() {
    let world = World::with_room_for(40);
    let mut trickling: Vec<Body> = (1..=10).map(|n| world.body(&format!("198.51.100.{n}"), n, 4)).collect();
    pass(TELLING).await;
    all_move(&trickling, 5 * 1024);
    let fast = &trickling[3];
    fast.transfer.progress(100_000);
    assert!(world.serves("192.0.2.1", 77, 8, &mut trickling).await);
    assert_eq!(trickling.len(), 8, "no more than there is need for");
    assert!(trickling.iter().any(|body| body.transfer.finish()), "a body that moves stays");
}

#[tokio::test(start_paused = true)]
async fn a_party_with_more_than_a_quarter_gives_way_however_fast_it_is() {
    let world = World::with_room_for(40);
    let mut bodies: Vec<Body> = (0..6).map(|n| world.body("198.51.100.7", n, 4)).collect();
    bodies.extend((0..4).map(|n| world.body(&format!("192.0.2.{n}"), 100 + n, 4)));
    for _ in 0..10 {
        pass(Duration::from_secs(1)).await;
        all_move(&bodies, 1_000_000);
    }
    assert!(world.serves("203.0.113.1", 77, 4, &mut bodies).await);
    let honest = bodies.iter().filter(|body| body.place.connection.peer() != Address::new([198, 51, 100, 7].into()));
    assert_eq!((bodies.len(), honest.count()), (9, 4));
}

/// Many accounts behind an address that is a proxy's, without the server's knowing.
#[tokio::test(start_paused = true)]
async fn where_all_have_one_address_only_what_hardly_moves_gives_way() {
    let world = World::with_room_for(40);
    let mut bodies: Vec<Body> = (0..10).map(|n| world.body("10.0.0.1", n, 4)).collect();
    pass(TELLING).await;
    all_move(&bodies, 1_000_000);
    assert!(!world.serves("10.0.0.1", 77, 4, &mut bodies).await);
    assert_eq!(bodies.len(), 10);
    pass(TELLING).await;
    all_move(&bodies[1..], 1_000_000);
    assert!(world.serves("10.0.0.1", 77, 4, &mut bodies).await);
    assert_eq!(bodies.len(), 9);
}

#[tokio::test(start_paused = true)]
async fn neither_a_body_that_waits_for_the_disk_nor_one_that_has_arrived_is_cut_off() {
    let world = World::with_room_for(8);
    let mut bodies = vec![world.body("198.51.100.1", 1, 4), world.body("198.51.100.2", 2, 4)];
    assert!(bodies[1].transfer.finish());
    let connection = Arc::clone(&bodies[0].place.connection);
    let ours = connection.wait_for_us();
    pass(Duration::from_mins(1)).await;
    assert!(!world.serves("192.0.2.1", 77, 4, &mut bodies).await);
    drop(ours);
    pass(TELLING).await;
    assert!(world.serves("192.0.2.1", 77, 4, &mut bodies).await);
    assert_eq!(bodies.len(), 1, "now it is its device that it waits for");
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_leaves_nothing_behind() {
    let world = World::with_room_for(4);
    let mut bodies = vec![world.body("198.51.100.1", 1, 4)];
    assert!(!world.serves("198.51.100.1", 2, 4, &mut bodies).await);
    assert!(world.pool.lock().waiting.is_empty());
    bodies.clear();
    assert!(world.pool.try_take(&party("192.0.2.1", 3), u32::MAX).is_some(), "all there is, and never more");
}
