-- The ids that users have in the application are forgotten.

alter table credits.settings drop column require_registered_users;

drop table credits.external_users;
