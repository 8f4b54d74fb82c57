// Made by tools/make-cri.ts. @see kubernetes/cri-api, pkg/apis/runtime/v1/api.proto

import * as m from "./messages.ts";

export const runtimeService = {
  version: {
    path: "/runtime.v1.RuntimeService/Version",
    codecs: [m.versionRequest, m.versionResponse],
    isStream: false,
  },
  runPodSandbox: {
    path: "/runtime.v1.RuntimeService/RunPodSandbox",
    codecs: [m.runPodSandboxRequest, m.runPodSandboxResponse],
    isStream: false,
  },
  stopPodSandbox: {
    path: "/runtime.v1.RuntimeService/StopPodSandbox",
    codecs: [m.stopPodSandboxRequest, m.stopPodSandboxResponse],
    isStream: false,
  },
  removePodSandbox: {
    path: "/runtime.v1.RuntimeService/RemovePodSandbox",
    codecs: [m.removePodSandboxRequest, m.removePodSandboxResponse],
    isStream: false,
  },
  podSandboxStatus: {
    path: "/runtime.v1.RuntimeService/PodSandboxStatus",
    codecs: [m.podSandboxStatusRequest, m.podSandboxStatusResponse],
    isStream: false,
  },
  listPodSandbox: {
    path: "/runtime.v1.RuntimeService/ListPodSandbox",
    codecs: [m.listPodSandboxRequest, m.listPodSandboxResponse],
    isStream: false,
  },
  streamPodSandboxes: {
    path: "/runtime.v1.RuntimeService/StreamPodSandboxes",
    codecs: [m.streamPodSandboxesRequest, m.streamPodSandboxesResponse],
    isStream: true,
  },
  createContainer: {
    path: "/runtime.v1.RuntimeService/CreateContainer",
    codecs: [m.createContainerRequest, m.createContainerResponse],
    isStream: false,
  },
  startContainer: {
    path: "/runtime.v1.RuntimeService/StartContainer",
    codecs: [m.startContainerRequest, m.startContainerResponse],
    isStream: false,
  },
  stopContainer: {
    path: "/runtime.v1.RuntimeService/StopContainer",
    codecs: [m.stopContainerRequest, m.stopContainerResponse],
    isStream: false,
  },
  removeContainer: {
    path: "/runtime.v1.RuntimeService/RemoveContainer",
    codecs: [m.removeContainerRequest, m.removeContainerResponse],
    isStream: false,
  },
  listContainers: {
    path: "/runtime.v1.RuntimeService/ListContainers",
    codecs: [m.listContainersRequest, m.listContainersResponse],
    isStream: false,
  },
  streamContainers: {
    path: "/runtime.v1.RuntimeService/StreamContainers",
    codecs: [m.streamContainersRequest, m.streamContainersResponse],
    isStream: true,
  },
  containerStatus: {
    path: "/runtime.v1.RuntimeService/ContainerStatus",
    codecs: [m.containerStatusRequest, m.containerStatusResponse],
    isStream: false,
  },
  updateContainerResources: {
    path: "/runtime.v1.RuntimeService/UpdateContainerResources",
    codecs: [m.updateContainerResourcesRequest, m.updateContainerResourcesResponse],
    isStream: false,
  },
  reopenContainerLog: {
    path: "/runtime.v1.RuntimeService/ReopenContainerLog",
    codecs: [m.reopenContainerLogRequest, m.reopenContainerLogResponse],
    isStream: false,
  },
  execSync: {
    path: "/runtime.v1.RuntimeService/ExecSync",
    codecs: [m.execSyncRequest, m.execSyncResponse],
    isStream: false,
  },
  exec: { path: "/runtime.v1.RuntimeService/Exec", codecs: [m.execRequest, m.execResponse], isStream: false },
  attach: {
    path: "/runtime.v1.RuntimeService/Attach",
    codecs: [m.attachRequest, m.attachResponse],
    isStream: false,
  },
  portForward: {
    path: "/runtime.v1.RuntimeService/PortForward",
    codecs: [m.portForwardRequest, m.portForwardResponse],
    isStream: false,
  },
  containerStats: {
    path: "/runtime.v1.RuntimeService/ContainerStats",
    codecs: [m.containerStatsRequest, m.containerStatsResponse],
    isStream: false,
  },
  listContainerStats: {
    path: "/runtime.v1.RuntimeService/ListContainerStats",
    codecs: [m.listContainerStatsRequest, m.listContainerStatsResponse],
    isStream: false,
  },
  streamContainerStats: {
    path: "/runtime.v1.RuntimeService/StreamContainerStats",
    codecs: [m.streamContainerStatsRequest, m.streamContainerStatsResponse],
    isStream: true,
  },
  podSandboxStats: {
    path: "/runtime.v1.RuntimeService/PodSandboxStats",
    codecs: [m.podSandboxStatsRequest, m.podSandboxStatsResponse],
    isStream: false,
  },
  listPodSandboxStats: {
    path: "/runtime.v1.RuntimeService/ListPodSandboxStats",
    codecs: [m.listPodSandboxStatsRequest, m.listPodSandboxStatsResponse],
    isStream: false,
  },
  streamPodSandboxStats: {
    path: "/runtime.v1.RuntimeService/StreamPodSandboxStats",
    codecs: [m.streamPodSandboxStatsRequest, m.streamPodSandboxStatsResponse],
    isStream: true,
  },
  updateRuntimeConfig: {
    path: "/runtime.v1.RuntimeService/UpdateRuntimeConfig",
    codecs: [m.updateRuntimeConfigRequest, m.updateRuntimeConfigResponse],
    isStream: false,
  },
  status: {
    path: "/runtime.v1.RuntimeService/Status",
    codecs: [m.statusRequest, m.statusResponse],
    isStream: false,
  },
  checkpointContainer: {
    path: "/runtime.v1.RuntimeService/CheckpointContainer",
    codecs: [m.checkpointContainerRequest, m.checkpointContainerResponse],
    isStream: false,
  },
  checkpointPod: {
    path: "/runtime.v1.RuntimeService/CheckpointPod",
    codecs: [m.checkpointPodRequest, m.checkpointPodResponse],
    isStream: false,
  },
  restorePod: {
    path: "/runtime.v1.RuntimeService/RestorePod",
    codecs: [m.restorePodRequest, m.restorePodResponse],
    isStream: false,
  },
  getContainerEvents: {
    path: "/runtime.v1.RuntimeService/GetContainerEvents",
    codecs: [m.getEventsRequest, m.containerEventResponse],
    isStream: true,
  },
  listMetricDescriptors: {
    path: "/runtime.v1.RuntimeService/ListMetricDescriptors",
    codecs: [m.listMetricDescriptorsRequest, m.listMetricDescriptorsResponse],
    isStream: false,
  },
  listPodSandboxMetrics: {
    path: "/runtime.v1.RuntimeService/ListPodSandboxMetrics",
    codecs: [m.listPodSandboxMetricsRequest, m.listPodSandboxMetricsResponse],
    isStream: false,
  },
  streamPodSandboxMetrics: {
    path: "/runtime.v1.RuntimeService/StreamPodSandboxMetrics",
    codecs: [m.streamPodSandboxMetricsRequest, m.streamPodSandboxMetricsResponse],
    isStream: true,
  },
  runtimeConfig: {
    path: "/runtime.v1.RuntimeService/RuntimeConfig",
    codecs: [m.runtimeConfigRequest, m.runtimeConfigResponse],
    isStream: false,
  },
  updatePodSandboxResources: {
    path: "/runtime.v1.RuntimeService/UpdatePodSandboxResources",
    codecs: [m.updatePodSandboxResourcesRequest, m.updatePodSandboxResourcesResponse],
    isStream: false,
  },
} as const;

export const imageService = {
  listImages: {
    path: "/runtime.v1.ImageService/ListImages",
    codecs: [m.listImagesRequest, m.listImagesResponse],
    isStream: false,
  },
  streamImages: {
    path: "/runtime.v1.ImageService/StreamImages",
    codecs: [m.streamImagesRequest, m.streamImagesResponse],
    isStream: true,
  },
  imageStatus: {
    path: "/runtime.v1.ImageService/ImageStatus",
    codecs: [m.imageStatusRequest, m.imageStatusResponse],
    isStream: false,
  },
  pullImage: {
    path: "/runtime.v1.ImageService/PullImage",
    codecs: [m.pullImageRequest, m.pullImageResponse],
    isStream: false,
  },
  removeImage: {
    path: "/runtime.v1.ImageService/RemoveImage",
    codecs: [m.removeImageRequest, m.removeImageResponse],
    isStream: false,
  },
  imageFsInfo: {
    path: "/runtime.v1.ImageService/ImageFsInfo",
    codecs: [m.imageFsInfoRequest, m.imageFsInfoResponse],
    isStream: false,
  },
} as const;
