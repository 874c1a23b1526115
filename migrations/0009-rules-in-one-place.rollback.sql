drop table credits.alert_types;

drop type credits_internal.event_judgement;
