-- Undoes migration13.sql. What its tables held is lost.

set role learn_owner;

drop trigger serve_faucet_requests on learn.faucet_requests;
drop function learn_internal.serve_faucet_requests();
drop trigger limit_faucet_requests on learn.faucet_requests;
drop trigger keep_faucet_requests on learn.faucet_requests;
drop function learn_internal.keep_faucet_requests();
drop trigger faucet_requests_hold on learn.faucet_requests;
drop trigger link_transactions on learn.transactions;
drop trigger keep_transactions on learn.transactions;
drop function learn_internal.keep_transactions();
drop trigger transactions_hold on learn.transactions;
drop trigger announce_certificates on learn.nft_certificates;
drop function learn_internal.announce_certificates();
drop trigger keep_certificates on learn.nft_certificates;
drop function learn_internal.keep_certificates();
drop trigger fill_certificates on learn.nft_certificates;
drop function learn_internal.fill_certificates();
drop trigger nft_certificates_hold on learn.nft_certificates;
drop function learn.advance_faucet_request(uuid, bigint, text, text, text);
drop function learn.request_faucet(uuid, text, numeric, inet, timestamptz, text);
drop function learn_internal.lock_faucet_accounts(text[]);
drop function learn.advance_transaction(text, text, timestamptz, text);
drop function learn.record_transaction(uuid, text, text, numeric, text, text, bigint, bigint);
drop function learn.revoke_certificate(text, text);
drop function learn.certificate_minted(text, text, text, bigint, text, text);
drop function learn.achievement_credential(uuid, text);
drop function learn.certificate_credential(text);
drop function learn.verify_certificate(text);
drop function learn.certificates(uuid);
drop function learn_internal.issue_certificates(uuid[], bigint[], timestamptz[]);
drop function learn_internal.open_badge(text, timestamptz, text, jsonb);
drop function learn_internal.public_name(uuid);
drop function learn_internal.is_next_status(text, text);
drop view learn.dead_outbox;
drop function learn.purge_outbox(timestamptz);
drop function learn.retry_outbox(bigint[]);
drop function learn.fail_outbox(bigint[], text, text);
drop function learn.complete_outbox(bigint[]);
drop function learn.claim_outbox(integer, text[], text);
drop function learn_internal.setting_boolean(text);
drop function learn_internal.setting_string(text);
drop table learn.faucet_requests;
drop table learn.nft_certificates;
drop sequence learn_internal.certificate_numbers;
drop table learn.transactions;
drop table learn.outbox;
delete from learn.platform_settings where key in (
  'outbox_timeout_seconds',
  'outbox_retry_seconds',
  'outbox_max_attempts',
  'nft_minting_enabled',
  'hashscan_url',
  'faucet_interval_hours',
  'faucet_max_hbar',
  'issuer_name',
  'issuer_url',
  'credential_url');

reset role;
