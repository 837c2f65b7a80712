//! Who gives way when all places are taken.

use super::*;

fn connections(total: usize, per_address: usize) -> Arc<Connections> {
    Arc::new(Connections::new(ConnectionLimits { total, per_address: Some(per_address) }))
}

fn address(text: &str) -> Address {
    Address::new(text.parse().unwrap())
}

fn connect(connections: &Arc<Connections>, from: &str) -> Place {
    connections.place(address(from), false, None)
}

#[test]
fn who_holds_too_many_idle_connections_loses_their_own_oldest() {
    let connections = connections(100, 2);
    let honest = connect(&connections, "192.0.2.1");
    let held: Vec<Place> = (0..5).map(|_| connect(&connections, "198.51.100.7")).collect();
    let open: Vec<bool> = held.iter().map(|place| place.begin().is_some()).collect();
    assert_eq!(open, [false, false, false, true, true]);
    assert!(honest.begin().is_some());
}

#[test]
fn a_request_under_way_is_never_cut_and_the_newcomer_is_turned_away() {
    let connections = connections(2, 10);
    let (one, two) = (connect(&connections, "192.0.2.1"), connect(&connections, "192.0.2.2"));
    let (_busy, idle) = (one.begin().unwrap(), two.begin().unwrap());
    let third = connect(&connections, "192.0.2.3");
    assert!(third.was_turned_away() && third.begin().is_none());
    drop(idle);
    let fourth = connect(&connections, "192.0.2.4");
    assert!(!fourth.was_turned_away());
    assert!(two.begin().is_none() && !one.was_turned_away());
}

#[test]
fn who_asked_once_and_holds_all_places_is_pushed_out_by_who_comes_later() {
    let connections = connections(8, 100);
    let held: Vec<Place> = (0..8).map(|_| connect(&connections, "198.51.100.7")).collect();
    for place in &held {
        drop(place.begin());
    }
    let newcomers: Vec<Place> = (0..8).map(|n| connect(&connections, &format!("192.0.2.{n}"))).collect();
    assert!(held.iter().all(Place::was_turned_away));
    assert!(newcomers.iter().all(|place| !place.was_turned_away()));
}

#[test]
fn a_site_has_four_times_as_many_and_a_trusted_proxy_as_many_as_there_are() {
    let connections = connections(100, 2);
    let site: Vec<Place> = (0..50).map(|n| connect(&connections, &format!("2001:db8:1:{n}::1"))).collect();
    assert_eq!(site.iter().filter(|place| !place.was_turned_away()).count(), 8);
    let proxied: Vec<Place> = (0..50).map(|_| connections.place(address("10.0.0.1"), true, None)).collect();
    assert!(proxied.iter().all(|place| !place.was_turned_away()));
}

#[test]
fn who_neither_sends_nor_takes_what_is_small_gives_way_after_seconds() {
    let connections = connections(4, 10);
    let held: Vec<Place> = (0..4).map(|_| connect(&connections, "198.51.100.7")).collect();
    let busy: Vec<Busy> = held.iter().map(|place| place.begin().unwrap()).collect();
    let _sending = held[0].connection.await_something_small();
    let _taking = busy[1].is_answered().unwrap();
    drop(busy[2].is_answered());
    let _large = held[3].connection.begin_transfer(true);
    assert!(busy[3].is_answered().is_none(), "what is large is looked at otherwise");
    let stuck_at = |ms| {
        let now = connections.now() + ms;
        held.iter().map(|place| place.connection.is_stuck(now)).collect::<Vec<_>>()
    };
    assert_eq!(stuck_at(PAUSE_MS - 1000), [false; 4]);
    assert_eq!(stuck_at(PAUSE_MS + 1), [true, true, false, false]);
    let now = connections.now() + PAUSE_MS + 1;
    let newcomer = Some(address("192.0.2.1").visitor());
    let mut places = connections.lock();
    assert!(places.make_room(4, newcomer, now, |_| true) && places.make_room(3, newcomer, now, |_| true));
    drop(places);
    let gone: Vec<bool> = held.iter().map(Place::was_turned_away).collect();
    assert_eq!(gone, [true, true, false, false]);
}

#[test]
fn where_none_is_idle_the_slowest_body_that_belongs_to_no_push_goes() {
    let connections = connections(3, 10);
    let [slow, fast, push] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|from| connect(&connections, from));
    let _busy = [&slow, &fast, &push].map(|place| place.begin().unwrap());
    let begun = |place: &Place, bytes: usize| {
        let transfer = place.connection.begin_transfer(false);
        transfer.progress(bytes);
        transfer
    };
    let (slow_body, fast_body) = (begun(&slow, 10), begun(&fast, 1_000_000));
    let mut places = connections.lock();
    let now = connections.now() + 5000;
    assert!(places.make_room(3, None, now, |_| true));
    drop(places);
    assert!(slow.was_turned_away() && !fast.was_turned_away() && !push.was_turned_away());
    assert!(!slow_body.finish(), "what was cut off is not taken for complete");
    assert!(fast_body.finish());
    let next = connect(&connections, "192.0.2.4");
    assert!(!next.was_turned_away(), "the slow one's place");
    let _busy = next.begin().unwrap();
    assert!(connect(&connections, "192.0.2.5").was_turned_away(), "nothing is left that may be cut off");
}

#[test]
fn where_none_is_idle_whoever_holds_most_places_gives_one_to_whoever_has_none() {
    let connections = connections(4, 10);
    let held = ["192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.1"].map(|from| connect(&connections, from));
    let _busy = held.each_ref().map(|place| place.begin().unwrap());
    let _bodies = held.each_ref().map(|place| place.connection.begin_transfer(false));
    let honest = connect(&connections, "192.0.2.2");
    assert!(!honest.was_turned_away() && !held[3].was_turned_away());
    assert_eq!(held.iter().filter(|place| place.was_turned_away()).count(), 1);
    let _busy = honest.begin().unwrap();
    assert!(connect(&connections, "192.0.2.1").was_turned_away(), "nobody has many more");
}

#[test]
fn of_a_push_only_a_body_is_cut_off_that_won_t_arrive_in_time() {
    let connections = connections(2, 10);
    let held = ["192.0.2.7", "192.0.2.7"].map(|from| connect(&connections, from));
    let _busy = held.each_ref().map(|place| place.begin().unwrap());
    let bodies = held.each_ref().map(|place| place.connection.begin_transfer(true));
    let make_room = |after| connections.lock().make_room(2, Some(address("192.0.2.2").visitor()), after, |_| true);
    let now = connections.now();
    assert!(!make_room(now + PAUSE_MS - 1000), "it can't be told yet");
    for body in &bodies {
        body.progress(1_000_000);
    }
    assert!(!make_room(now + 2 * PAUSE_MS), "both are fast");
    bodies[1].progress(1_000_000);
    assert!(make_room(now + 4 * PAUSE_MS));
    assert!(held[0].was_turned_away() && !held[1].was_turned_away());
}

#[test]
fn a_place_is_given_back() {
    let connections = connections(1, 1);
    for _ in 0..10 {
        let place = connect(&connections, "192.0.2.1");
        assert!(place.begin().is_some());
    }
    assert!(connections.lock().taken.is_empty());
}

#[test]
fn what_is_forgotten_is_closed_and_what_is_busy_is_not() {
    let connections = connections(10, 10);
    let (idle, asking) = (connect(&connections, "192.0.2.1"), connect(&connections, "192.0.2.1"));
    let busy = asking.begin();
    connections.close_idle_since_before(connections.now() + 1);
    assert!(idle.was_turned_away() && !asking.was_turned_away());
    drop(busy);
    assert!(asking.begin().is_some());
}

#[test]
fn a_small_machine_has_room_for_five_hundred() {
    assert_eq!(ConnectionLimits::for_memory(256 << 20), 512);
    assert_eq!(ConnectionLimits::for_memory(1 << 20), TOTAL_MIN);
    assert_eq!(ConnectionLimits::for_memory(u64::MAX), TOTAL_MAX);
}
