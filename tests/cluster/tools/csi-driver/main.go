// A CSI driver for tests: volumes are ext4 images, or devices without a file system, below one folder
// that every node of a test cluster sees, as storage in a network would be. VolumeSnapshots and clones are copies of the images, taken
// while the file system is frozen; so a copy has the inodes and times of its original, as with block
// storage.
//
// A group of volumes is copied while the file systems of all are frozen.
//
// The parameters of a VolumeSnapshotClass or VolumeGroupSnapshotClass make it misbehave: `fail: WORDS` refuses with these words,
// `ready: never` takes snapshots that never become ready.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const driverName = "csi.test.holdfast.dev"

type identity struct {
	csi.UnimplementedIdentityServer
}

func (identity) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: driverName, VendorVersion: "1"}, nil
}

func (identity) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	answer := &csi.GetPluginCapabilitiesResponse{}
	for _, service := range []csi.PluginCapability_Service_Type{
		csi.PluginCapability_Service_CONTROLLER_SERVICE,
		csi.PluginCapability_Service_GROUP_CONTROLLER_SERVICE,
	} {
		answer.Capabilities = append(answer.Capabilities, &csi.PluginCapability{
			Type: &csi.PluginCapability_Service_{Service: &csi.PluginCapability_Service{Type: service}}})
	}
	return answer, nil
}

func (identity) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{Ready: wrapperspb.Bool(true)}, nil
}

// The kubelet finds drivers by such a server in its plugins_registry folder.
type registrar struct {
	registration.UnimplementedRegistrationServer
	socket string
}

func (r registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{Type: registration.CSIPlugin, Name: driverName, Endpoint: r.socket,
		SupportedVersions: []string{"1.0.0"}}, nil
}

func (registrar) NotifyRegistrationStatus(_ context.Context, status *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	log.Printf("registered: %v %s", status.PluginRegistered, status.Error)
	return &registration.RegistrationStatusResponse{}, nil
}

func listen(path string) net.Listener {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		log.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func main() {
	root := flag.String("root", "", "the folder of volumes and snapshots")
	socket := flag.String("socket", "", "where to serve CSI")
	registry := flag.String("registration-socket", "", "where to serve the kubelet's registration; empty for none")
	nodeID := flag.String("node", "", "the node's name")
	flag.Parse()

	storage := newStorage(*root)
	server := grpc.NewServer(grpc.UnaryInterceptor(logged))
	csi.RegisterIdentityServer(server, identity{})
	csi.RegisterControllerServer(server, &controller{storage: storage})
	csi.RegisterGroupControllerServer(server, &groupController{storage: storage})
	csi.RegisterNodeServer(server, &node{storage: storage, id: *nodeID})
	listener := listen(*socket)
	if *registry != "" {
		kubelet := grpc.NewServer()
		registration.RegisterRegistrationServer(kubelet, registrar{socket: *socket})
		go func() { log.Fatal(kubelet.Serve(listen(*registry))) }()
	}
	log.Fatal(server.Serve(listener))
}

func logged(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	answer, err := handler(ctx, request)
	log.Printf("%s %v: %v %v", info.FullMethod, request, answer, err)
	return answer, err
}
