"""Which settings each version of systemd knows in the units of services and sockets.

From `systemd --dump-configuration-items` of 252, 257 and 262, and "Added in version" of 262's manual pages. A system
test compares this table with the dump of each release.
"""

NEWEST_TESTED = 262  # what a newer systemd knows is not known here


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Of each unit that starts processes: systemd.exec(5), systemd.kill(5), systemd.resource-control(5).
PROCESS = words("""
    AllowedCPUs AllowedMemoryNodes AmbientCapabilities AppArmorProfile BPFDelegateAttachments BPFDelegateCommands
    BPFDelegateMaps BPFDelegatePrograms BPFProgram BindLogSockets BindNetworkInterface BindPaths BindReadOnlyPaths
    BlockIOAccounting BlockIODeviceWeight BlockIOReadBandwidth BlockIOWeight BlockIOWriteBandwidth CPUAccounting
    CPUAffinity CPUPressureThresholdSec CPUPressureWatch CPUQuota CPUQuotaPeriodSec CPUSchedulingPolicy
    CPUSchedulingPriority CPUSchedulingResetOnFork CPUSetPartition CPUShares CPUWeight CacheDirectory
    CacheDirectoryAccounting CacheDirectoryMode CacheDirectoryQuota CapabilityBoundingSet ConfigurationDirectory
    ConfigurationDirectoryMode CoredumpFilter CoredumpReceive DefaultMemoryLow DefaultMemoryMin
    DefaultStartupMemoryLow Delegate DelegateNamespaces DelegateSubgroup DeviceAllow DevicePolicy DisableControllers
    DynamicUser Environment EnvironmentFile ExecPaths ExecSearchPath ExecStartPost ExecStartPre ExecStopPost
    ExtensionDirectories ExtensionImagePolicy ExtensionImages FinalKillSignal Group IOAccounting
    IODeviceLatencyTargetSec IODeviceWeight IOPressureThresholdSec IOPressureWatch IOReadBandwidthMax IOReadIOPSMax
    IOSchedulingClass IOSchedulingPriority IOWeight IOWriteBandwidthMax IOWriteIOPSMax IPAccounting IPAddressAllow
    IPAddressDeny IPCNamespacePath IPEgressFilterPath IPIngressFilterPath IgnoreSIGPIPE ImportCredential
    InaccessibleDirectories InaccessiblePaths KeyringMode KillMode KillSignal LimitAS LimitCORE LimitCPU LimitDATA
    LimitFSIZE LimitLOCKS LimitMEMLOCK LimitMSGQUEUE LimitNICE LimitNOFILE LimitNPROC LimitRSS LimitRTPRIO
    LimitRTTIME LimitSIGPENDING LimitSTACK LoadCredential LoadCredentialEncrypted LockPersonality LogExtraFields
    LogFilterPatterns LogLevelMax LogNamespace LogRateLimitBurst LogRateLimitIntervalSec LogsDirectory
    LogsDirectoryAccounting LogsDirectoryMode LogsDirectoryQuota ManagedOOMMemoryPressure
    ManagedOOMMemoryPressureDurationSec ManagedOOMMemoryPressureLimit ManagedOOMPreference ManagedOOMSwap
    MemoryAccounting MemoryDenyWriteExecute MemoryHigh MemoryKSM MemoryLimit MemoryLow MemoryMax MemoryMin
    MemoryPressureThresholdSec MemoryPressureWatch MemorySwapMax MemoryTHP MemoryZSwapMax MemoryZSwapWriteback
    MountAPIVFS MountFlags MountImagePolicy MountImages NFTSet NUMAMask NUMAPolicy NetworkNamespacePath Nice
    NoExecPaths NoNewPrivileges OOMRules OOMScoreAdjust PAMName PassEnvironment Personality PrivateBPF
    PrivateDevices PrivateIPC PrivateMounts PrivateNetwork PrivatePIDs PrivateTmp PrivateUsers ProcSubset
    ProtectClock ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules
    ProtectKernelTunables ProtectProc ProtectSystem ReadOnlyDirectories ReadOnlyPaths ReadWriteDirectories
    ReadWritePaths RemoveIPC RestartKillSignal RestrictAddressFamilies RestrictFileSystems RestrictNamespaces
    RestrictNetworkInterfaces RestrictRealtime RestrictSUIDSGID RootDirectory RootEphemeral RootHash
    RootHashSignature RootImage RootImageOptions RootImagePolicy RootMStack RootVerity RuntimeDirectory
    RuntimeDirectoryMode RuntimeDirectoryPreserve SELinuxContext SecureBits SendSIGHUP SendSIGKILL SetCredential
    SetCredentialEncrypted SetLoginEnvironment Slice SmackProcessLabel SocketBindAllow SocketBindDeny StandardError
    StandardInput StandardInputData StandardInputText StandardOutput StartupAllowedCPUs StartupAllowedMemoryNodes
    StartupBlockIOWeight StartupCPUShares StartupCPUWeight StartupIOWeight StartupMemoryHigh StartupMemoryLow
    StartupMemoryMax StartupMemorySwapMax StartupMemoryZSwapMax StateDirectory StateDirectoryAccounting
    StateDirectoryMode StateDirectoryQuota SupplementaryGroups SyslogFacility SyslogIdentifier SyslogLevel
    SyslogLevelPrefix SystemCallArchitectures SystemCallErrorNumber SystemCallFilter SystemCallLog TTYColumns
    TTYPath TTYReset TTYRows TTYVHangup TTYVTDisallocate TasksAccounting TasksMax TemporaryFileSystem
    TimeoutCleanSec TimeoutSec TimerSlackNSec UMask UnsetEnvironment User UserNamespacePath UtmpIdentifier UtmpMode
    WatchdogSignal WorkingDirectory
""")
UNIT = words("""
    After AllowIsolate AssertACPower AssertArchitecture AssertCPUFeature AssertCPUPressure AssertCPUs
    AssertCapability AssertControlGroupController AssertCredential AssertDirectoryNotEmpty AssertEnvironment
    AssertFileIsExecutable AssertFileNotEmpty AssertFirstBoot AssertFraction AssertGroup AssertHost AssertIOPressure
    AssertKernelCommandLine AssertKernelModuleLoaded AssertKernelVersion AssertMachineTag AssertMemory
    AssertMemoryPressure AssertNeedsUpdate AssertOSRelease AssertPathExists AssertPathExistsGlob
    AssertPathIsDirectory AssertPathIsEncrypted AssertPathIsMountPoint AssertPathIsReadWrite AssertPathIsSocket
    AssertPathIsSymbolicLink AssertSecurity AssertUser AssertVersion AssertVirtualization Before BindTo BindsTo
    CollectMode ConditionACPower ConditionArchitecture ConditionCPUFeature ConditionCPUPressure ConditionCPUs
    ConditionCapability ConditionControlGroupController ConditionCredential ConditionDirectoryNotEmpty
    ConditionEnvironment ConditionFileIsExecutable ConditionFileNotEmpty ConditionFirmware ConditionFirstBoot
    ConditionFraction ConditionGroup ConditionHost ConditionIOPressure ConditionKernelCommandLine
    ConditionKernelModuleLoaded ConditionKernelVersion ConditionMachineTag ConditionMemory ConditionMemoryPressure
    ConditionNeedsUpdate ConditionOSRelease ConditionPathExists ConditionPathExistsGlob ConditionPathIsDirectory
    ConditionPathIsEncrypted ConditionPathIsMountPoint ConditionPathIsReadWrite ConditionPathIsSocket
    ConditionPathIsSymbolicLink ConditionSecurity ConditionUser ConditionVersion ConditionVirtualization Conflicts
    DefaultDependencies Description Documentation FailureAction FailureActionExitStatus IgnoreOnIsolate
    JobRunningTimeoutSec JobTimeoutAction JobTimeoutRebootArgument JobTimeoutSec JoinsNamespaceOf OnFailure
    OnFailureIsolate OnFailureJobMode OnSuccess OnSuccessJobMode PartOf PropagateReloadFrom PropagateReloadTo
    PropagatesReloadTo PropagatesStopTo RebootArgument RefuseManualStart RefuseManualStop ReloadPropagatedFrom
    Requires RequiresMountsFor RequiresOverridable Requisite RequisiteOverridable SourcePath StartLimitAction
    StartLimitBurst StartLimitInterval StartLimitIntervalSec StopPropagatedFrom StopWhenUnneeded SuccessAction
    SuccessActionExitStatus SurviveFinalKillSignal Upholds Wants WantsMountsFor
""")
INSTALL = words("""
    Alias Also DefaultInstance RequiredBy UpheldBy WantedBy
""")
SERVICE = words("""
    BusName ExecCondition ExecReload ExecReloadPost ExecStart ExecStop ExitType FailureAction FileDescriptorStoreMax
    FileDescriptorStorePreserve GuessMainPID LUOSession NonBlocking NotifyAccess OOMPolicy OpenFile PIDFile
    PermissionsStartOnly RebootArgument RefreshOnReload ReloadSignal RemainAfterExit Restart RestartForceExitStatus
    RestartMaxDelaySec RestartMode RestartPreventExitStatus RestartRandomizedDelaySec RestartSec RestartSteps
    RootDirectoryStartOnly RuntimeMaxSec RuntimeRandomizedExtraSec Sockets StartLimitAction StartLimitBurst
    StartLimitInterval SuccessExitStatus TimeoutAbortSec TimeoutStartFailureMode TimeoutStartSec
    TimeoutStopFailureMode TimeoutStopSec Type USBFunctionDescriptors USBFunctionStrings WatchdogSec
""")
SOCKET = words("""
    Accept AcceptFileDescriptors Backlog BindIPv6Only BindToDevice Broadcast DeferAcceptSec DeferTrigger
    DeferTriggerMaxSec DirectoryMode ExecStopPre FileDescriptorName FlushPending FreeBind IPTOS IPTTL KeepAlive
    KeepAliveIntervalSec KeepAliveProbes KeepAliveTimeSec ListenDatagram ListenFIFO ListenMessageQueue ListenNetlink
    ListenSequentialPacket ListenSpecial ListenStream ListenUSBFunction Mark MaxConnections MaxConnectionsPerSource
    MessageQueueMaxMessages MessageQueueMessageSize NoDelay PassCredentials PassFileDescriptorsToExec PassPIDFD
    PassPacketInfo PassSecurity PipeSize PollLimitBurst PollLimitIntervalSec Priority ReceiveBuffer RemoveOnStop
    ReusePort SELinuxContextFromNet SendBuffer Service SmackLabel SmackLabelIPIn SmackLabelIPOut SocketGroup
    SocketMode SocketProtocol SocketUser Symlinks TCPCongestion Timestamping Transparent TriggerLimitBurst
    TriggerLimitIntervalSec Writable XAttrAccept XAttrEntryPoint XAttrListen
""")

SECTIONS = {"Unit": UNIT, "Install": INSTALL, "Service": SERVICE | PROCESS, "Socket": SOCKET | PROCESS}
OF_UNITS = {"service": ("Unit", "Service", "Install"), "socket": ("Unit", "Socket", "Install")}

# The version that knew a setting first. What is not here, 252 knows.
SINCE = {
    key: version
    for version, keys in {
        253: """
            DefaultStartupMemoryLow LogFilterPatterns MemoryZSwapMax OpenFile ReloadSignal StartupMemoryHigh
            StartupMemoryLow StartupMemoryMax StartupMemorySwapMax StartupMemoryZSwapMax
        """,
        254: """
            DelegateSubgroup ExtensionImagePolicy FileDescriptorStorePreserve ImportCredential MemoryKSM
            MemoryPressureThresholdSec MemoryPressureWatch MountImagePolicy RestartMaxDelaySec RestartMode
            RestartSteps RootEphemeral RootImagePolicy UpheldBy
        """,
        255: """
            CoredumpReceive NFTSet PollLimitBurst PollLimitIntervalSec SetLoginEnvironment SurviveFinalKillSignal
        """,
        256: """
            MemoryZSwapWriteback PassFileDescriptorsToExec WantsMountsFor
        """,
        257: """
            BindLogSockets ManagedOOMMemoryPressureDurationSec PrivatePIDs
        """,
        258: """
            AcceptFileDescriptors AssertKernelModuleLoaded AssertVersion BPFDelegateAttachments BPFDelegateCommands
            BPFDelegateMaps BPFDelegatePrograms CacheDirectoryAccounting CacheDirectoryQuota
            ConditionKernelModuleLoaded ConditionVersion DeferTrigger DeferTriggerMaxSec DelegateNamespaces
            LogsDirectoryAccounting LogsDirectoryQuota PassPIDFD PrivateBPF StateDirectoryAccounting
            StateDirectoryQuota
        """,
        259: """
            ExecReloadPost UserNamespacePath
        """,
        260: """
            AssertPathIsSocket BindNetworkInterface ConditionPathIsSocket MemoryTHP RefreshOnReload RootMStack
        """,
        261: """
            AssertFraction AssertMachineTag CPUPressureThresholdSec CPUPressureWatch CPUSetPartition
            ConditionFraction ConditionMachineTag IOPressureThresholdSec IOPressureWatch OOMRules
        """,
        262: """
            LUOSession RestartRandomizedDelaySec XAttrAccept XAttrEntryPoint XAttrListen
        """,
    }.items()
    for key in keys.split()
}
# The version that knew a value first, of settings that 252 knows with other values: from systemd's NEWS, 253 to 262.
VALUES_SINCE = {
    (key, value): version
    for version, values in {
        253: {"Type": "notify-reload"},
        257: {
            "PrivateTmp": "disconnected", "PrivateUsers": "self identity", "ProtectControlGroups": "private strict",
            "RestartMode": "debug",
        },
        258: {"PrivateUsers": "full", "ProtectHostname": "private"},
        260: {"CPUSchedulingPolicy": "ext", "PrivateUsers": "managed"},
        261: {"FileDescriptorStorePreserve": "on-success"},
        262: {"NUMAPolicy": "preferred-many weighted-interleave"},
    }.items()
    for key, listed in values.items()
    for value in listed.split()
}  # fmt: skip
# What 262 no longer knows, and 257 did: what took its place, "" for nothing.
GONE = {
    "BlockIOAccounting": "IOAccounting",
    "BlockIODeviceWeight": "IODeviceWeight",
    "BlockIOReadBandwidth": "IOReadBandwidthMax",
    "BlockIOWeight": "IOWeight",
    "BlockIOWriteBandwidth": "IOWriteBandwidthMax",
    "CPUAccounting": "",
    "CPUShares": "CPUWeight",
    "DefaultMemoryLow": "",
    "DefaultMemoryMin": "",
    "DefaultStartupMemoryLow": "",
    "MemoryLimit": "MemoryMax",
    "StartupBlockIOWeight": "StartupIOWeight",
    "StartupCPUShares": "StartupCPUWeight",
}


def value_since(key: str, value: str) -> int:
    """The version of systemd that knew this value of a setting first. 0 if 252 knows it, as far as is known here."""
    return VALUES_SINCE.get((key, value.partition(":")[0]), 0)  # ProtectHostname=private:NAME


def is_known(section: str, key: str, version: int) -> bool:
    """Whether this version of systemd knows the setting in this section of a unit."""
    if key not in SECTIONS.get(section, ()) or SINCE.get(key, 0) > version:
        return False
    return key not in GONE or version < NEWEST_TESTED
