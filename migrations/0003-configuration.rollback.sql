drop table credits.settings;
drop table credits.plans;
