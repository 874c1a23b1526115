drop table credits.system_alerts;

drop type credits.alert_level;
