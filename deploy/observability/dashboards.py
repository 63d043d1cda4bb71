#!/usr/bin/env python3
"""Writes the Grafana dashboards, with Grafana's own foundation SDK.

    deploy/observability/check --dashboards     installs the SDK and runs this

The JSON beside it is what people import; it is committed, and `check` says when it is
not what this program makes. Names of metrics are those of the gateway's /metrics.
"""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, VariableRefresh
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

HERE = Path(__file__).resolve().parent / "grafana" / "dashboards"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHT = 7


def query(expr, legend, name="A"):
    return prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(name)


def placed(panel, title, unit, width):
    return panel.title(title).datasource(SOURCE).unit(unit).height(HEIGHT).span(width)


def chart(title, unit, *queries, width=12):
    legend = common.VizLegendOptions().show_legend(True)
    panel = placed(timeseries.Panel(), title, unit, width).legend(legend)
    for name, (expr, words) in zip("ABCDEF", queries):
        panel = panel.with_target(query(expr, words, name))
    return panel


def number(title, expr, unit="short", width=4):
    newest = common.ReduceDataOptions().calcs(["lastNotNull"])
    panel = placed(stat.Panel(), title, unit, width).reduce_options(newest)
    return panel.with_target(query(expr, "").instant())


def listing(title, expr, width=24):
    target = query(expr, "").instant().format(PromQueryFormat.TABLE)
    return placed(table.Panel(), title, "short", width).show_header(True).with_target(target)


def board(uid, title, *panels, variables=()):
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["mfg-drone"])
        .refresh("15s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for name, label, labels in variables:
        made = made.with_variable(
            dashboard.QueryVariable(name)
            .label(label)
            .datasource(SOURCE)
            .query(f"label_values({labels})")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        )
    for number_of, panel in enumerate(panels, start=1):
        made = made.with_panel(panel.id(number_of))
    return made.build()


GATEWAY = ("instance", "Gateway", "mfg_drone_build_info, instance")
DRONE = ("drone", "Drone", 'mfg_drone_drone_connected{instance="$instance"}, drone')
OF = '{instance="$instance"}'
OF_DRONE = '{instance="$instance", drone="$drone"}'


def fleet():
    return board(
        "mfg-drone-fleet",
        "MFG drones: fleet",
        number("Gateways", "count(mfg_drone_build_info)"),
        number("Gateways that do not answer", 'count(up{job="mfg-drone"} == 0) or vector(0)'),
        number("Drones connected", "sum(mfg_drone_drone_connected)"),
        number("Drones lost", "sum(mfg_drone_drone_lost)"),
        number("Alerts that stand", "count(mfg_drone_alert_firing == 1) or vector(0)"),
        number("Of them critical", 'count(mfg_drone_alert_firing{level="critical"} == 1) or vector(0)'),
        listing("Alerts", "mfg_drone_alert_firing == 1"),
        chart(
            "Drones connected",
            "short",
            ("sum by (instance) (mfg_drone_drone_connected)", "{{instance}}"),
        ),
        chart(
            "Lowest battery",
            "percent",
            ("min by (instance) (mfg_drone_drone_battery_percent)", "{{instance}}"),
        ),
        listing("Versions", "mfg_drone_build_info"),
    )


def gateway():
    return board(
        "mfg-drone-gateway",
        "MFG drones: gateway",
        number("Running for", f"mfg_drone_uptime_seconds{OF}", "s", 6),
        number("Drones connected", f"sum(mfg_drone_drone_connected{OF})", width=6),
        number("Alerts that stand", f"count(mfg_drone_alert_firing{OF} == 1) or vector(0)", width=6),
        number("Storage takes changes", f"mfg_drone_store_healthy{OF}", width=6),
        chart(
            "The board",
            "percent",
            (f"mfg_drone_board_cpu_usage_percent{OF}", "CPU"),
            (f"mfg_drone_board_memory_usage_percent{OF}", "memory"),
            (f"mfg_drone_board_disk_usage_percent{OF}", "disk"),
        ),
        chart(
            "Temperatures of the board",
            "celsius",
            (f"mfg_drone_board_sensor_temperature_celsius{OF}", "{{label}}"),
        ),
        chart(
            "Requests",
            "reqps",
            (f"sum(rate(mfg_drone_http_request_duration_seconds_count{OF}[5m]))", "all"),
            (f"sum(rate(mfg_drone_http_request_errors_total{OF}[5m]))", "refused or failed"),
        ),
        chart(
            "Time to answer, of 99 in 100",
            "s",
            (
                "histogram_quantile(0.99, sum by (le, route) "
                f"(rate(mfg_drone_http_request_duration_seconds_bucket{OF}[5m])))",
                "{{route}}",
            ),
        ),
        chart(
            "Notifications",
            "short",
            (f"increase(mfg_drone_notifications_sent_total{OF}[5m])", "arrived at {{target}}"),
            (f"increase(mfg_drone_notifications_failed_total{OF}[5m])", "failed at {{target}}"),
        ),
        chart("Memory", "bytes", (f"mfg_drone_process_resident_memory_bytes{OF}", "resident")),
        chart(
            "Written to the card",
            "Bps",
            (f"rate(mfg_drone_store_written_bytes_total{OF}[15m])", "store"),
        ),
        chart("Parts that run", "short", (f"mfg_drone_service_up{OF}", "{{service}}")),
        number("Flights recorded now", f"mfg_drone_recordings_active{OF}", width=6),
        number("Emergency stops that stand", f"mfg_drone_emergency_stops_latched{OF}", width=6),
        number("Connected to the MQTT broker", f"mfg_drone_mqtt_connected{OF}", width=6),
        number("Viewers of video", f"mfg_drone_video_viewers{OF}", width=6),
        chart(
            "Recordings",
            "bytes",
            (f"mfg_drone_recording_bytes{OF}", "kept"),
            (f"mfg_drone_recording_max_bytes{OF}", "above this the oldest go"),
            (f"mfg_drone_recording_written_day_bytes{OF}", "written in 24 h"),
            (f"mfg_drone_recording_max_day_bytes{OF}", "above this flights are not recorded"),
        ),
        chart(
            "What the gateway commanded by itself",
            "short",
            (f"increase(mfg_drone_actions_sent_total{OF}[5m])", "for a rule, a limit, an emergency stop"),
            (f"increase(mfg_drone_actions_not_taken_total{OF}[5m])", "not taken, and given again"),
        ),
        chart(
            "MQTT",
            "short",
            (f"increase(mfg_drone_mqtt_values_sent_total{OF}[5m])", "values told"),
            (f"increase(mfg_drone_mqtt_values_dropped_total{OF}[5m])", "dropped"),
            (f"increase(mfg_drone_mqtt_orders_taken_total{OF}[5m])", "orders taken"),
            (f"increase(mfg_drone_mqtt_orders_ignored_total{OF}[5m])", "orders ignored"),
        ),
        variables=[GATEWAY],
    )


def drone():
    return board(
        "mfg-drone-drone",
        "MFG drones: drone",
        number("Battery", f"mfg_drone_drone_battery_percent{OF_DRONE}", "percent", 6),
        number("Connected", f"mfg_drone_drone_connected{OF_DRONE}", width=6),
        number("Temperature", f"mfg_drone_drone_temperature_celsius{OF_DRONE}", "celsius", 6),
        number("Height", f"mfg_drone_drone_height_metres{OF_DRONE}", "lengthm", 6),
        listing("Alerts", '(mfg_drone_alert_firing{instance="$instance", source="$drone"} == 1)'),
        chart("Battery", "percent", (f"mfg_drone_drone_battery_percent{OF_DRONE}", "battery")),
        chart(
            "Temperature of its main board",
            "celsius",
            (f"mfg_drone_drone_temperature_celsius{OF_DRONE}", "highest"),
        ),
        chart("Height", "lengthm", (f"mfg_drone_drone_height_metres{OF_DRONE}", "over the take-off point")),
        chart(
            "Link",
            "short",
            (f"mfg_drone_datagram_rate{OF_DRONE}", "messages a second"),
            (f"mfg_drone_drone_state_age_seconds{OF_DRONE}", "silence in seconds"),
        ),
        chart(
            "Commands",
            "short",
            (f"increase(mfg_drone_drone_commands_total{OF_DRONE}[5m])", "sent"),
            (f"increase(mfg_drone_drone_command_timeouts_total{OF_DRONE}[5m])", "without a reply"),
        ),
        chart("Video", "bps", (f"mfg_drone_video_bit_rate{OF_DRONE}", "bits a second")),
        variables=[GATEWAY, DRONE],
    )


def main():
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    into.mkdir(parents=True, exist_ok=True)
    for name, made in [("fleet", fleet()), ("gateway", gateway()), ("drone", drone())]:
        text = json.dumps(made, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        (into / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
