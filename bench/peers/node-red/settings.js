// Node-RED without its editor: a bridge in production, quiet.
'use strict';

module.exports = {
  uiHost: '127.0.0.1',
  uiPort: Number(process.env.HTTP_PORT),
  httpAdminRoot: false,
  disableEditor: true,
  credentialSecret: false,
  flowFile: process.env.FLOW_FILE,
  readOnly: true,
  telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: 'warn', metrics: false, audit: false } },
};
