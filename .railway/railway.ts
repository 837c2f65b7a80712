// One service with one volume on Railway: `railway config apply`. docs/deploy/railway.md is the guide;
// `taskferry-server deploy railway` writes a copy of this file with your names in it.
import { defineRailway, project, service, volume } from "railway/iac";

const name = "taskferry";
const region = "europe-west4-drams3a";
const registration = "open";
const diskMB = 1024;

export default defineRailway(() => {
  const data = volume("data", { region, sizeMB: diskMB });

  const server = service("server", {
    build: { builder: "DOCKERFILE", dockerfilePath: "Dockerfile" },
    healthcheck: "/readyz",
    // Seconds. An upgrade rewrites a large database before the server is ready.
    healthcheckTimeout: 600,
    // Never more: the data is one SQLite file, and Railway attaches a volume to one replica only.
    replicas: { [region]: 1 },
    volumeMounts: { "/data": data },
    deploy: {
      restartPolicyType: "ON_FAILURE",
      restartPolicyMaxRetries: 10,
      requiredMountPath: "/data",
      // Seconds. Large pushes under way end first (20 s), then requests (8 s).
      drainingSeconds: 40,
    },
    // Railway sets PORT; that its proxy is believed about addresses (`X-Real-IP`) needs no setting, the server knows where
    // it is.
    env: {
      TASKFERRY_DATA_DIR: "/data",
      TASKFERRY_REGISTRATION: registration,
      // On the volume, beside the data: against mistakes. docs/deploy/railway.md says how to send them elsewhere too.
      TASKFERRY_BACKUP_EVERY: "1d",
      TASKFERRY_BACKUP_KEEP: "3",
      // Railway mounts volumes as root's. The server takes over the volume and then drops all its rights.
      RAILWAY_RUN_UID: "0",
    },
  });

  return project(name, { resources: [server, data] });
});
