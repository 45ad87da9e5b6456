//! Reports, and sensors as consoles see them.

use super::field::messages;
use traf_model::{Fleet, Gap, InterfaceState, InterfaceStats, Report, SensorState, SinglePacket, Strip};

messages! {
    optional Strip = Strip { from, step, octets, gaps };
    required Gap = Gap { point; interval = (from, to) };
    required Report = Report {
        facility, at, live, rows, matched, total, dropped, strip, notes, rate, sensors_reporting, sensors_known, gaps, mtu;
        interval = (from, to), largest = (largest_inbound, largest_outbound)
    };
    required InterfaceStats = InterfaceStats { interface, ledger, classes, peak, own, rates, peak_total };
    required SinglePacket = SinglePacket { number, at, kind, label, detail, octets, source, destination, mac };
    required FleetState = Fleet { at, sensors, notes };
    required SensorState = SensorState {
        id, name, presence, connected, started, last_seen, stored, version, epoch, clock_offset, spool, interfaces, losses,
        trouble, site, settings, wanted
    };
    required InterfaceState = InterfaceState { interface, ledger, rate, gone, flows, capacity };
}
