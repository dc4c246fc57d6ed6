# CSIR level Instrumentation Flag
:csir
$s4HTTP11AddressRuleV7permitsySbAA9IPAddressVF
# Func Hash:
2010755502495952154
# Num Counters:
62
# Counter Values:
500
0
0
0
0
0
0
0
0
0
0
1500
0
5010
11022
0
6012
0
0
0
1002
0
0
1002
500
1002
0
1002
0
0
0
0
1002
0
0
0
0
0
0
0
0
0
0
0
0
0
0
1000
0
0
0
5010
0
0
1002
1002
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP11HeaderBlockV3add5linesys4SpanVys5UInt8VG_tF
# Func Hash:
1204968517829046111
# Num Counters:
9
# Counter Values:
747786
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP11RequestHeadC5value2ofSSSgAA10HeaderNameV_tF
# Func Hash:
1204968516799761693
# Num Counters:
10
# Counter Values:
1744834
0
249262
249262
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP11RequestHeadCfD
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

$s4HTTP12UpstreamCallC6cancelyyF
# Func Hash:
1391905986406337020
# Num Counters:
3
# Counter Values:
1000
1000
1000
# Num Bitmap Bytes:
$0

$s4HTTP12UpstreamCallCfD
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

$s4HTTP12UpstreamCallCfd
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

$s4HTTP12UpstreamPoolC4send_7tellingyAA0B4CallC_AA15ResponseWatcher_ptF
# Func Hash:
1689794796865023343
# Num Counters:
4
# Counter Values:
249262
249262
0
0
# Num Bitmap Bytes:
$0

$s4HTTP15UpstreamRequestV__2to4body4room6fieldsAcA6MethodO_s4SpanVys5UInt8VGAA0B6TargetCAA0B4BodyOSiyAA11HeaderBlockVzXEtcfC
# Func Hash:
1908222222882365458
# Num Counters:
76
# Counter Values:
498524
0
0
249262
2991144
0
997048
2991144
0
0
0
249262
249262
249262
249262
249262
0
249262
249262
0
249262
249262
249262
249262
249262
249262
249262
249262
0
249262
0
0
0
0
249262
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
747786
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
3
1
4:249262
1
0:249262
1
33:249262

$s4HTTP16UpstreamResponseC11arrivedBody5limitSays5UInt8VGSgSi_tF
# Func Hash:
1591206068152146868
# Num Counters:
10
# Counter Values:
248262
248262
248262
0
248262
248262
248262
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP16UpstreamResponseC11discardHeadyyF
# Func Hash:
1689794794470124689
# Num Counters:
4
# Counter Values:
1000
1000
500
500
# Num Bitmap Bytes:
$0

$s4HTTP16UpstreamResponseCfD
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

$s4HTTP16UpstreamResponseCfd
# Func Hash:
1198130827027250630
# Num Counters:
16
# Counter Values:
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP20UpstreamResponseHeadC9withValue2of_xSgAA10HeaderNameV_xs4SpanVys5UInt8VGXEtlF
# Func Hash:
2049780439349767005
# Num Counters:
10
# Counter Values:
249262
249262
249262
0
249262
249262
0
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP20UpstreamResponseHeadCfD
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

$s4HTTP6RouterC5beginyyAA8ExchangeCF
# Func Hash:
2140989318266696349
# Num Counters:
45
# Counter Values:
0
0
0
0
249262
0
19
0
0
0
0
0
19
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP7HeadersVySSSgSScig
# Func Hash:
2029180532357572205
# Num Counters:
12
# Counter Values:
2596
1709
424
481
479
199
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP7ReactorC10deregisteryyAA12RegistrationVF
# Func Hash:
1204968519041603670
# Num Counters:
10
# Counter Values:
3087
3087
3087
3087
3087
2
0
0
19
0
# Num Bitmap Bytes:
$0

$s4HTTP7ReactorC3runyScTyyts5NeverOGyyYaYbYCcF
# Func Hash:
1299757151682747028
# Num Counters:
2
# Counter Values:
0
1000
# Num Bitmap Bytes:
$0

$s4HTTP7ReactorC7enqueueyys11ExecutorJobVnF
# Func Hash:
2134367678142239753
# Num Counters:
13
# Counter Values:
2
2027
2
2
0
2
2
0
2
2
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP7ReactorC8registeryAA12RegistrationVs5Int32V_AA9ReadinessVAA0F7Handler_ptAA15SystemCallErrorVYKF
# Func Hash:
1854529152447035983
# Num Counters:
12
# Counter Values:
64
3087
2004
0
0
0
0
2
22
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP8ExchangeC11arrivedBody5limitSays5UInt8VGSgSi_tAA0D5ErrorOYKF
# Func Hash:
1484701392725780495
# Num Counters:
8
# Counter Values:
249262
0
0
0
0
0
249262
249262
# Num Bitmap Bytes:
$0

$s4HTTP8ExchangeC13startResponse6status7headers7framingySi_AA11HeaderBlockVAA12ReplyFramingOtF
# Func Hash:
2128335754600583089
# Num Counters:
98
# Counter Values:
248262
0
248262
248262
0
744786
249262
249262
0
249262
249262
249262
249262
249262
0
249262
249262
249262
249262
249262
249262
249262
249262
0
0
249262
0
1000
248262
0
248262
248262
0
0
249262
1000
0
248262
248262
0
0
248262
1000
0
0
0
249262
1000
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
248262
249262
249262
0
0
0
0
0
0
496524
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
4
1
17:249262
1
257:249262
1
33:249262
1
3:249262

$s4HTTP8ExchangeC15handlerReturnedyyF
# Func Hash:
1158754325591918607
# Num Counters:
11
# Counter Values:
1019
1000
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP8ExchangeC5abortyyF
# Func Hash:
1484701392085002346
# Num Counters:
9
# Counter Values:
0
0
181
1000
819
819
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP8ExchangeC5writeyAA10WriteStateOs4SpanVys5UInt8VGF
# Func Hash:
2247171275396373926
# Num Counters:
22
# Counter Values:
0
352197
352197
0
352197
0
352197
0
0
0
0
248262
0
0
352197
103933
2
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP8ExchangeC6finishyyF
# Func Hash:
1158754321770310566
# Num Counters:
11
# Counter Values:
248262
0
0
248262
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP8ExchangeCfD
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249281
# Num Bitmap Bytes:
$0

$s4HTTP8ExchangeCfd
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249281
# Num Bitmap Bytes:
$0

$s4HTTP9IPAddressV11descriptionSSvg
# Func Hash:
1190651578587140504
# Num Counters:
4
# Counter Values:
249300
0
0
249300
# Num Bitmap Bytes:
$0

$s4HTTP9TLSStreamC5writeyAA11TLSProgressOs4SpanVys5UInt8VGF
# Func Hash:
1204968518110734613
# Num Counters:
10
# Counter Values:
127769
0
127769
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s4HTTP9TLSStreamC9handshakeAA11TLSProgressOyF
# Func Hash:
1589045701738475133
# Num Counters:
16
# Counter Values:
1000
0
0
500
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s5RelayAAC4stopyyYaF
# Func Hash:
1806168846902856822
# Num Counters:
13
# Counter Values:
2000
0
0
0
0
0
0
0
0
2
0
0
0
# Num Bitmap Bytes:
$0

$s5Store11RecordBytesO3putyySS_6Domain10ByteCursorVztFZ
# Func Hash:
1907546625234479975
# Num Counters:
21
# Counter Values:
0
0
2992599
749271
3741870
3741870
3741870
0
3741870
0
3741870
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
6
9:1247280
5:995533
17:749271
8:251262
0:249262
7:249262

$s5Store11TransactionC13recordRequestyyAA0D6RecordVAA0A5ErrorOYKF
# Func Hash:
2184826494657218784
# Num Counters:
59
# Counter Values:
1000
1000
1000
0
1000
0
0
0
1000
1000
1000
1000
0
0
0
0
0
1000
1000
1000
0
0
0
0
0
1000
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
1
3:1000
1
3:1000

$s5Store11TransactionC6settleyAA6BookedVAA14SettledRecordsVAA0A5ErrorOYKF
# Func Hash:
1720270081699597773
# Num Counters:
624
# Counter Values:
649
0
417
0
0
0
5324
0
0
0
90
2542
0
0
0
90
0
0
1
1747831
0
0
85
249262
0
208
249262
0
0
1973669
0
249262
0
249262
0
0
747786
0
0
0
238
249262
249262
0
871
0
0
249172
0
0
0
90
0
0
0
249262
0
249262
0
0
249172
90
0
0
0
0
0
0
7860
0
7862
0
236041
0
249172
0
0
0
2759
0
0
2
34
0
2828
1684
0
2161
0
0
249172
0
0
0
496
5324
0
249172
0
0
0
0
0
249262
249262
0
0
0
0
249262
249262
0
249262
249262
0
249262
249262
249262
0
0
249262
249262
249262
249262
249262
249262
249262
90
0
1907
0
0
5324
5324
0
0
0
0
0
0
0
0
0
89
0
0
0
0
0
0
0
249262
249262
0
90
90
0
0
0
0
0
0
0
249262
249262
249262
249262
0
249262
0
249262
249262
249262
249262
249262
0
5324
0
5324
0
0
0
0
90
2542
0
0
0
0
0
0
0
90
0
0
0
0
0
428
249262
249262
0
90
1
0
90
249262
0
0
1000
249262
0
249262
249262
0
249262
0
0
0
249262
249262
249262
0
0
0
0
89
5324
0
0
0
0
0
0
4807
89
0
0
249262
0
0
90
1
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
249262
0
0
90
0
0
0
1000
0
249262
0
0
249262
249262
249262
0
0
249172
0
0
0
90
90
0
0
0
0
0
0
90
0
0
0
0
0
0
90
0
0
0
0
0
0
0
0
0
0
0
90
0
0
0
0
0
0
0
0
0
0
0
0
90
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
261
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249172
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
90
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
12
1
0:4739
1
0:496
1
3:249262
1
3:249262
0
0
0
0
0
0
0
0

$s5Store12RecordReaderV10optionalID6Domain10IdentifierVyxGSgyAE0G4KindRzlF
# Func Hash:
1793625951901397982
# Num Counters:
15
# Counter Values:
0
4590
4590
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s5Store13SettledRecordO10putRequest2id8apiKeyID7keyName04userI007accountI05model4path7dialect6stream6status10httpStatus9errorType9startedAt20durationMilliseconds04ttftZ08attempts6tokens17webSearchRequests12costMicroUSD13priceMicroUSD11usageSource08upstreameI07entries2toy6Domain10IdentifierVyA1_0E4KindOG_A3_yA1_10APIKeyKindOGSSA3_yA1_8UserKindOGSgA3_yA1_11AccountKindOGSgS3SSbAA0eT0Os5Int64VSgSSSgA1_9TimestampVA22_A22_A21_AA11TokenCountsVA21_A21_A21_AA11UsageSourceOSgA23_SiA1_10ByteCursorVztFZ
# Func Hash:
1207328376843637265
# Num Counters:
87
# Counter Values:
249262
1000
249262
249262
249262
249262
249262
249262
249262
0
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
0
0
249262
1000
248262
0
249262
249262
249262
249262
0
1000
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s5Store13SettledRecordO8putEntry7attempt9accountID5model6tokens17webSearchRequests12costMicroUSD05priceoP00Q5Flags11usageSource7charged2at3day2toys5Int64V_6Domain10IdentifierVyAT11AccountKindOGSgSSAA11TokenCountsVA3SSSAA05UsageT0OSbAT9TimestampVSSAT10ByteCursorVztFZ
# Func Hash:
1930289608634022488
# Num Counters:
31
# Counter Values:
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
0
1000
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s5Store14SettledRecordsV2idy6Domain10IdentifierVyAE11RequestKindOGSiF
# Func Hash:
1198130828383109770
# Num Counters:
16
# Counter Values:
246187
246277
90
246277
246277
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s5Store14SettledRecordsV6appendyys4SpanVys5UInt8VGF
# Func Hash:
1803895225501850044
# Num Counters:
8
# Counter Values:
249262
0
0
0
0
31
0
0
# Num Bitmap Bytes:
$0

$s6Domain10ByteCursorV6append3hexys6UInt64V_tF
# Func Hash:
1288110137890403338
# Num Counters:
7
# Counter Values:
4491888
4491888
4491888
0
0
0
0
# Num Bitmap Bytes:
$0

$s6Domain10JSONObjectVyAA4JSONOSgSScis
# Func Hash:
2126736062324921597
# Num Counters:
25
# Counter Values:
5872
5872
4317
0
0
2676
0
0
1657
6
0
0
4311
56
0
58
2332
0
0
0
0
4
0
0
10
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
0

$s6Domain5FieldVMa
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2520
# Num Bitmap Bytes:
$0

$s6Domain9TimestampV5write2toyAA10ByteCursorVz_tF
# Func Hash:
1599780155475858755
# Num Counters:
17
# Counter Values:
1495725
498575
498575
498575
0
498575
498575
498575
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$s9Telemetry9LogWriterC5write_2toys4SpanVys5UInt8VG_AA0B7ChannelOtF
# Func Hash:
1599780155894950906
# Num Counters:
16
# Counter Values:
0
401
2
0
249287
0
0
0
0
1
0
4
0
0
0
0
# Num Bitmap Bytes:
$0

$sSSWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1248
# Num Bitmap Bytes:
$0

$sSTsE21_copySequenceContents12initializing8IteratorQz_SitSry7ElementQzG_tFSs8UTF8ViewV_Tgq5
# Func Hash:
1703149650711375191
# Num Counters:
17
# Counter Values:
32015
36127
0
4112
34023
2104
4112
4112
4112
0
0
0
0
0
0
4112
3688
# Num Bitmap Bytes:
$0

$sSTsSQ7ElementRpzrlE6starts4withSbqd___tSTRd__AAQyd__ABRSlFSs_SSTg5
# Func Hash:
1351160261631259271
# Num Counters:
9
# Counter Values:
0
6238
980
7204
2
964
6238
0
980
# Num Bitmap Bytes:
$0

$sSa6Domains5UInt8VRszlE6append4utf8ySS_tF
# Func Hash:
1456607296090646322
# Num Counters:
11
# Counter Values:
256262
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$sSa6append10contentsOfyqd__n_t7ElementQyd__RszSTRd__lFSS_SaySSGTg5
# Func Hash:
1484701392402780479
# Num Counters:
9
# Counter Values:
170
4476
1160
3346
140
0
0
0
0
# Num Bitmap Bytes:
$0

$sSh8_VariantV6insertySb8inserted_x17memberAfterInserttxnFSS_Tg5
# Func Hash:
1443416514558898911
# Num Counters:
6
# Counter Values:
320
577
573
2480
4
9
# Num Bitmap Bytes:
$0

$sSlsE5countSivgSs8UTF8ViewV_Tgq5
# Func Hash:
2164798832249958794
# Num Counters:
8
# Counter Values:
4112
0
0
0
0
0
4112
0
# Num Bitmap Bytes:
$0

$sSlsE5first7ElementQzSgvgSS17UnicodeScalarViewV_Tgq5
# Func Hash:
1334028950886807854
# Num Counters:
16
# Counter Values:
4048
0
4048
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

$sSlsE6prefixy11SubSequenceQzSiFSS8UTF8ViewV_Tg5Tf4ng_nTf4nn_g
# Func Hash:
1358601156642944183
# Num Counters:
12
# Counter Values:
0
1002
0
0
0
0
0
0
1002
0
1002
1002
# Num Bitmap Bytes:
$0

$ss10_NativeSetV9insertNew_2at8isUniqueyxn_s10_HashTableV6BucketVSbtFSS_Tg5
# Func Hash:
1591206068521014730
# Num Counters:
10
# Counter Values:
0
0
2480
0
0
0
2
0
0
0
# Num Bitmap Bytes:
$0

$ss11_StringGutsV19validateScalarIndexySS0E0VAEF
# Func Hash:
2214724374420925858
# Num Counters:
10
# Counter Values:
11256
0
0
0
0
0
11256
0
0
5372
# Num Bitmap Bytes:
$0

$ss15ContiguousArrayV16_createNewBuffer14bufferIsUnique15minimumCapacity13growForAppendySb_SiSbtFSS_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1121
# Num Bitmap Bytes:
$0

$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtFSS_Tg5
# Func Hash:
1448857378684759843
# Num Counters:
8
# Counter Values:
3495
1813
948
2569
948
1803
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
7
16:868
32:24
64:14
513:12
128:10
256:10
512:10

$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtFSb_Tg5
# Func Hash:
1623524941711634211
# Num Counters:
8
# Counter Values:
5010
12
0
5010
0
12
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
0
1
0:5010

$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtFSs_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
3340
# Num Bitmap Bytes:
$0

$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtFs5UInt8V_Tg5
# Func Hash:
1623524941711634211
# Num Counters:
8
# Counter Values:
754954
5381
2795
752159
2795
5381
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
12
17:1430
513:991
257:106
0:66
128:54
512:49
256:47
65:36
8:8
129:4
9:2
16:2
1
0:752159

$ss22__RawDictionaryStorageC4find_9hashValues10_HashTableV6BucketV6bucket_Sb5foundtx_SitSHRzlFSS_Tg5
# Func Hash:
1760620700888694230
# Num Counters:
6
# Counter Values:
4327
1051
988704
489769
505745
624797
# Num Bitmap Bytes:
$0

$ss22__RawDictionaryStorageC4findys10_HashTableV6BucketV6bucket_Sb5foundtxSHRzlFSS_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
505745
# Num Bitmap Bytes:
$0

$ss22__RawDictionaryStorageC4findys10_HashTableV6BucketV6bucket_Sb5foundtxSHRzlFSi_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1092
# Num Bitmap Bytes:
$0

$ss32_copyCollectionToContiguousArrayys0dE0Vy7ElementQzGxSlRzlFSS8UTF8ViewV_Tgq5
# Func Hash:
1906124239031501567
# Num Counters:
7
# Counter Values:
3315
3315
3315
0
0
0
1870
# Num Bitmap Bytes:
$0

__swift_destroy_boxed_opaque_existential_1
# Func Hash:
1299757151682747028
# Num Counters:
2
# Counter Values:
250363
4
# Num Bitmap Bytes:
$0

__swift_instantiateConcreteTypeFromMangledName
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
4940801
688
# Num Bitmap Bytes:
$0

__swift_instantiateGenericMetadata
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
7312
# Num Bitmap Bytes:
$0

__swift_memcpy16_8
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1402
# Num Bitmap Bytes:
$0

__swift_memcpy64_8
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1316
# Num Bitmap Bytes:
$0

__swift_noop_void_return
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2051
# Num Bitmap Bytes:
$0

__swift_project_boxed_opaque_existential_1
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
499344
6
# Num Bitmap Bytes:
$0

_swift_implicitisolationactor_to_executor_cast
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
3745
124
# Num Bitmap Bytes:
$0

gh_connect
# Func Hash:
1637421225560435205
# Num Counters:
7
# Counter Values:
1000
0
0
1000
1000
0
1000
# Num Bitmap Bytes:
$0

gh_epoll_wait
# Func Hash:
2080939921167428454
# Num Counters:
7
# Counter Values:
240268
53427
53427
0
47670
28473
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s3API15CommonPasswordsO3all_WZ
# Func Hash:
1417094321388478808
# Num Counters:
27
# Counter Values:
410
410
3584
0
410
2
0
0
0
2
0
0
0
408
0
0
0
2
0
0
0
0
16
2
0
0
2
# Num Bitmap Bytes:
$0

ld-temp.o;$s3Web11AssetFolderVyACSaySS4name_Says5UInt8VG5bytestGcfCTf4nd_n
# Func Hash:
2271738720683503395
# Num Counters:
45
# Counter Values:
6
3486
4
2
4
8
0
8
4
8
0
0
4
0
0
4
4
4
0
4
2
2
0
0
0
0
0
0
0
0
0
0
0
0
0
0
8
8
0
8
8
4
4
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP10HeaderNameV6begins33_ACADF5A416CF723E3E91742EBD41D1BFLLySbs4SpanVys5UInt8VG_SitF
# Func Hash:
1683155495428922225
# Num Counters:
37
# Counter Values:
2492620
2492620
249262
1246310
249262
249262
249262
0
249262
249262
0
249262
0
0
0
0
249262
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP10HeaderNameV9beginningys6UInt64Vs4SpanVys5UInt8VG_SnySiGtFZTf4nnd_n
# Func Hash:
1167045855884722924
# Num Counters:
23
# Counter Values:
20
0
110
2491660
20
498544
0
20
0
0
0
0
0
0
0
0
0
0
0
0
0
0
498544
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP10RouteTableV4walk33_86C64951D46F60392EFA6B37E92370DBLL__4from_SiSgSi_s4SpanVys5UInt8VGSiSaySnySiGGztF
# Func Hash:
2228037565419810205
# Num Counters:
34
# Counter Values:
3988192
249281
0
2492829
2742110
2492829
498562
498562
498562
498562
249281
249281
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP10RouteTableV6insert__5routeyAA12PathTemplateV_AA6MethodOSitF
# Func Hash:
1459521021978203231
# Num Counters:
46
# Counter Values:
6126
6680
1840
1840
254
0
1570
1234
100
0
512
0
0
0
176
12
582
0
0
0
2
494
0
0
0
0
0
0
0
0
0
0
18
0
196
0
0
0
0
0
0
0
0
0
0
594
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP10TimerWheelV4take33_42A5CF3B972B01D3F50B5C23A4C25691LLyyycSgAA0B5TokenVF
# Func Hash:
2247171278859195835
# Num Counters:
21
# Counter Values:
4087
4087
4087
4087
1343
3868
0
2744
0
0
0
129
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP10TimerWheelV8schedule13atNanoseconds_AA0B5TokenVs6UInt64V_yyctF
# Func Hash:
1897562505210174441
# Num Counters:
18
# Counter Values:
1086
3958
0
0
0
3002
2
0
0
0
0
0
0
0
0
0
0
22
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP11HeaderBlockV6finish33_3D0B239A1E5712D97B214FBF2D551A71LLyys4SpanVys5UInt8VGF
# Func Hash:
1350393196513192012
# Num Counters:
20
# Counter Values:
0
0
0
0
0
251262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP11ProblemKindVwcp
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2582
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP11SystemCallsO4sendySis5Int32V_s4SpanVys5UInt8VGA3KtFZTf4nnnnnd_n
# Func Hash:
1315300904179432755
# Num Counters:
46
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
121493
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP11TLSProgressOWOe
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
180120
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12PathTemplateV4PartOWOe
# Func Hash:
2277602154595859490
# Num Counters:
4
# Counter Values:
4186
572
0
3614
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12PathTemplateV4PartOWOy
# Func Hash:
2277602154595859490
# Num Counters:
4
# Counter Values:
2028
1516
0
512
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12PathTemplateV4PartOwxx
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
3574
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12PathTemplateV5namesSaySSGvgTf4x_n
# Func Hash:
2127592113409058792
# Num Counters:
6
# Counter Values:
10722
3252
1416
1404
0
12
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12PathTemplateVyACSScfCTf4gd_n
# Func Hash:
1342339010929445153
# Num Counters:
45
# Counter Values:
4
18722
0
3574
3102
472
472
3102
0
3102
472
1080
468
4
0
1080
1080
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
4
848
1080
1080
0
0
0
0
0
3102
2678
3574
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12ServerSharedC9isTrustedySbAA9IPAddressVF
# Func Hash:
1557064462353851823
# Num Counters:
22
# Counter Values:
0
1085
0
0
0
1085
1085
0
0
1085
1085
0
0
0
0
0
0
0
0
1085
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamCallC11headArrivedyyAA0B12ResponseHeadCF
# Func Hash:
2216626667164947077
# Num Counters:
3
# Counter Values:
249262
249262
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamCallC12messageEndedyyF
# Func Hash:
2127592110009575241
# Num Counters:
8
# Counter Values:
248262
248262
248262
248262
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamCallC3armyySi_AA0B5ErrorV6ReasonOtF
# Func Hash:
1720106744124307383
# Num Counters:
5
# Counter Values:
354697
354697
354697
2000
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamCallC3end020_0EB4B7E806E607FD043F11CBB509EAA4ALLyyF
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
249262
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamCallC4failyyAA0B5ErrorV6ReasonOF
# Func Hash:
1749196952474634251
# Num Counters:
32
# Counter Values:
0
1000
0
1000
0
1000
0
1000
0
998
1000
0
0
500
998
1000
1000
0
0
500
0
0
500
0
0
0
0
0
0
0
0
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamCallC4take020_0EB4B7E806E607FD043F11CBB509EAA4ALLyySb_AA8PumpStepOs4SpanVys5UInt8VGctF
# Func Hash:
2101748715332483934
# Num Counters:
9
# Counter Values:
1000
1000
0
1000
0
1000
0
1000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamCallC4wake020_0EB4B7E806E607FD043F11CBB509EAA4ALLyyF
# Func Hash:
1340693471115538955
# Num Counters:
7
# Counter Values:
249262
249262
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamCallC6disarm020_0EB4B7E806E607FD043F11CBB509EAA4ALLyyF
# Func Hash:
1847858724663119905
# Num Counters:
6
# Counter Values:
1000
745786
1000
249262
1000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamDialC11connectNext33_35520067B638A5AB5B45E74C320C2EF0LLyyF
# Func Hash:
1357902086241944074
# Num Counters:
15
# Counter Values:
0
0
0
0
0
0
0
1000
1000
0
0
0
0
1000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamDialC5startyyFySayAA9IPAddressVGcfU_
# Func Hash:
2305307153186907977
# Num Counters:
13
# Counter Values:
1000
1000
1000
500
500
1000
1000
1000
1000
0
0
1000
500
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamDialC6secure33_35520067B638A5AB5B45E74C320C2EF0LLyyF
# Func Hash:
1943637057321436864
# Num Counters:
20
# Counter Values:
1000
500
0
417
500
0
500
0
500
0
500
0
500
0
500
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamDialC7connect33_35520067B638A5AB5B45E74C320C2EF0LLyySayAA9IPAddressVGF
# Func Hash:
1178136838397053286
# Num Counters:
33
# Counter Values:
1000
0
0
0
1000
0
0
1000
0
1000
0
1000
0
0
0
1000
0
1000
1000
1000
1000
0
1000
0
0
0
0
0
0
0
0
0
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamDialC7succeed33_35520067B638A5AB5B45E74C320C2EF0LLyyF
# Func Hash:
1803895227572955403
# Num Counters:
7
# Counter Values:
1000
0
0
0
1000
1000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamDialC9connected33_35520067B638A5AB5B45E74C320C2EF0LLyyF
# Func Hash:
1634583139513177254
# Num Counters:
33
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
1000
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamDialCAA16ReadinessHandlerA2aDP5readyyyAA0D0VFTW
# Func Hash:
1951655071162425976
# Num Counters:
6
# Counter Values:
0
1500
0
1000
500
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamDialCfD
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
1000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamPoolC10openOrWait33_9E5A4DE3FBE640A0320D070A47335A83LLyyAA0B4CallC_AA17TargetConnectionsCtF
# Func Hash:
1951655072294867858
# Num Counters:
4
# Counter Values:
1000
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamPoolC14findConnection33_9E5A4DE3FBE640A0320D070A47335A83LLyyAA0B4CallCF
# Func Hash:
1204968516904971692
# Num Counters:
10
# Counter Values:
0
0
0
0
0
0
0
1000
248262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamPoolC4tidy33_9E5A4DE3FBE640A0320D070A47335A83LLyyAA17TargetConnectionsCF
# Func Hash:
1440408132800701371
# Num Counters:
7
# Counter Values:
1000
2
2
2
2
2
2
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamPoolC5place33_9E5A4DE3FBE640A0320D070A47335A83LLyAA17TargetConnectionsCAA0bM0CF
# Func Hash:
1294851415719993673
# Num Counters:
11
# Counter Values:
250260
0
0
0
2
0
250260
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP12UpstreamPoolC6closedyyAA0B10ConnectionCF
# Func Hash:
2196684691025167569
# Num Counters:
8
# Counter Values:
0
0
0
1000
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
0

ld-temp.o;$s4HTTP13HandlerRunnerC3run2onyAA7ReactorC_tYaFTQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1019
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13HandlerRunnerC3run2onyAA7ReactorC_tYaFTQ3_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1019
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13HandlerRunnerC3run2onyAA7ReactorC_tYaFTY1_
# Func Hash:
1720106746100910679
# Num Counters:
5
# Counter Values:
1019
1019
1019
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13HandlerRunnerC3run2onyAA7ReactorC_tYaFTY2_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1019
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13HandlerRunnerC3run2onyAA7ReactorC_tYaFTY4_
# Func Hash:
1936928563560024069
# Num Counters:
2
# Counter Values:
1017
2
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13RequestParserV10readMethod33_7210BBCD637AC32D72E115D4106860F3LLyys4SpanVys5UInt8VG_SnySiGtAA0B5FaultOYKF
# Func Hash:
1630266796297668333
# Num Counters:
23
# Counter Values:
38
0
249262
0
0
0
0
249281
249262
0
19
0
249262
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13RequestParserV10readTarget33_7210BBCD637AC32D72E115D4106860F3LLyys4SpanVys5UInt8VG_SnySiGtAA0B5FaultOYKF
# Func Hash:
1379268535566506639
# Num Counters:
72
# Counter Values:
0
0
2991391
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249281
0
0
0
0
0
0
0
0
249281
0
0
0
249281
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249281
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13RequestParserV11readVersion33_7210BBCD637AC32D72E115D4106860F3LLyys4SpanVys5UInt8VG_SnySiGtAA0B5FaultOYKF
# Func Hash:
2294169270795862285
# Num Counters:
30
# Counter Values:
0
249281
249281
249281
0
249281
0
0
249281
249281
0
0
249281
0
0
0
249281
0
249281
0
0
0
0
0
0
0
0
0
249281
249281
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13RequestParserV6isHost33_7210BBCD637AC32D72E115D4106860F3LLySbs4SpanVys5UInt8VG_SnySiGtFTf4nnd_n
# Func Hash:
1480775338864342885
# Num Counters:
46
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
0
0
747843
0
249281
0
249281
0
0
0
2492810
0
997124
249281
997124
249281
0
1246405
0
0
249281
249281
249281
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13RequestParserV6number33_7210BBCD637AC32D72E115D4106860F3LLySiSgs4SpanVys5UInt8VG_SnySiGtFTf4nnd_n
# Func Hash:
1294851417956978643
# Num Counters:
12
# Counter Values:
997048
997048
249262
249262
249262
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13RequestParserVSgWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
498562
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13RequestParserVwet
# Func Hash:
1760620704621549856
# Num Counters:
5
# Counter Values:
498562
498562
0
0
249281
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13RequestParserVwxx
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249281
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13UpstreamErrorV6ReasonOWOe
# Func Hash:
1720106746617931015
# Num Counters:
6
# Counter Values:
607959
0
1000
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13UpstreamErrorV6ReasonOWOy
# Func Hash:
1720106746617931015
# Num Counters:
6
# Counter Values:
357697
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13UpstreamErrorVSgIegg_SgWOe
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
1000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13UpstreamErrorVSgIegg_SgWOy
# Func Hash:
1597645694109059077
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13UpstreamErrorVSgWOe
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
253262
3000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13UpstreamErrorVSgWOy
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
2000
2000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP13decimalNumberySiSgs4SpanVys5UInt8VG_SnySiGtF
# Func Hash:
1800393755782424258
# Num Counters:
11
# Counter Values:
747786
747786
249262
249262
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP14ProxyHandshakeVSgWOg
# Func Hash:
1535914979662757887
# Num Counters:
2
# Counter Values:
1000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP14ProxyHandshakeVSgWOhTm
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP14ProxyHandshakeVSgWOi0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP14ProxyHandshakeVwet
# Func Hash:
1760620704621549856
# Num Counters:
5
# Counter Values:
1000
1000
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP14ResponseParserV5begin11answersHeadySb_tF
# Func Hash:
1903859029472336171
# Num Counters:
17
# Counter Values:
0
249262
1000
0
0
248262
0
0
248262
248262
248262
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
1
0:248262
1
0:248262

ld-temp.o;$s4HTTP14ResponseParserV5parseyAC7OutcomeOs4SpanVys5UInt8VGAA0B5FaultOYKF
# Func Hash:
1615409796999089999
# Num Counters:
180
# Counter Values:
0
747786
0
0
0
0
747786
0
747786
0
0
0
1246310
1246310
0
0
249262
0
0
0
1495572
0
0
0
249262
747786
249262
0
0
0
249262
0
0
0
0
0
0
0
0
747786
0
249262
0
0
0
0
249262
0
747786
0
747786
0
17000
0
3475668
0
17000
0
3475668
0
0
249262
0
747786
0
0
0
0
0
744786
744786
249262
249262
249262
248262
1000
249262
0
1000
0
1000
248262
0
0
249262
0
1000
0
248262
0
0
0
0
1000
0
248262
0
0
0
0
1000
0
747786
0
0
0
249262
0
0
1000
248262
0
248262
248262
0
248262
0
249262
0
1000
0
0
0
0
0
0
0
249262
0
0
1000
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
747786
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP14ResponseParserVWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
498524
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP14ResponseParserVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP14UpstreamTargetC2eeoiySbAC_ACtFZTf4nnd_n
# Func Hash:
1474310711506166304
# Num Counters:
22
# Counter Values:
0
0
0
1002
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP15ExchangeHandler_pWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249285
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP15ExchangeSummaryVWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249281
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP15MountedEndpointVWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1760
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP15MountedEndpointVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1320
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP15MountedEndpointVwcp
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1644
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP15MountedEndpointVwxx
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1646
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC10HeadResult33_0827D4224F8E7854783F02D3C204E4CCLLOWOe
# Func Hash:
2216626667164947077
# Num Counters:
3
# Counter Values:
249281
0
249281
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC12beginRequest33_0827D4224F8E7854783F02D3C204E4CCLLSbyFAC10HeadResultAELLOs4SpanVys5UInt8VGXEfU_
# Func Hash:
2080007935033147925
# Num Counters:
217
# Counter Values:
0
1744910
0
0
0
0
0
0
1744910
997105
0
1744910
0
997105
997105
0
0
2243472
2243472
0
249281
0
0
249281
0
0
2991391
0
0
249281
249281
0
3489820
0
249281
1744910
0
0
249281
249281
0
249281
0
0
0
0
249281
0
0
0
19
0
0
0
1744910
19
0
0
0
0
0
249281
0
0
1744910
0
0
0
0
0
0
1744910
190
3489668
0
0
249281
1000
0
0
19
249281
249281
0
95
95
95
19
249281
249281
249262
249262
249300
249262
0
0
0
249281
249281
0
0
19
249262
0
249281
0
0
0
0
0
0
0
249281
19
249262
249281
0
0
19
0
0
0
249281
0
19
0
19
19
19
19
0
19
0
249281
19
249262
0
19
0
0
0
0
249281
249262
0
0
0
0
0
0
0
0
0
249281
0
0
0
0
0
1901
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
1744910
0
76
19
0
0
0
0
0
0
0
19
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC12chargeMemoryyyF
# Func Hash:
1806168847366659623
# Num Counters:
12
# Counter Values:
34
498558
602561
34
498558
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC12outputIsSent33_2D22B1E715A8B848E59624776C59C5CELL10wasBlockedySb_tF
# Func Hash:
1350393194757134052
# Num Counters:
21
# Counter Values:
353033
352216
19
0
0
352216
0
19
0
352216
0
0
0
0
0
0
0
0
0
10
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC12requestEndedyyF
# Func Hash:
1751926666234071177
# Num Counters:
9
# Counter Values:
248262
19
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC13sendCollectedyyF
# Func Hash:
1749769254923447181
# Num Counters:
21
# Counter Values:
0
0
0
0
0
352216
352214
352214
0
248262
352195
0
248262
0
0
248262
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC14accountForTime33_645978591C69921EE59F547833BF9C64LL5bytesySi_tF
# Func Hash:
1637421225954042581
# Num Counters:
7
# Counter Values:
249262
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC14bodyIsComplete33_645978591C69921EE59F547833BF9C64LLyyF
# Func Hash:
2277602158354092294
# Num Counters:
3
# Counter Values:
0
0
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC14readAndProcessyyF
# Func Hash:
1789291330971730803
# Num Counters:
30
# Counter Values:
0
0
0
0
0
0
0
249281
0
0
0
0
249292
0
0
11
0
11
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC14updateInterestyyF
# Func Hash:
1969918757868153579
# Num Counters:
27
# Counter Values:
248262
602295
602295
602295
601476
354016
819
17
248262
354016
819
819
354016
0
819
0
819
0
819
0
0
0
0
0
0
0
248279
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC4sendyyF
# Func Hash:
1449726931430595812
# Num Counters:
25
# Counter Values:
0
0
0
0
0
352216
0
0
0
0
353033
0
352216
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC5close9resettingySb_tF
# Func Hash:
1454272652070694065
# Num Counters:
16
# Counter Values:
1085
181
1085
1085
1085
1085
0
0
181
0
181
0
181
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC5readyyyAA9ReadinessVF
# Func Hash:
2019268833680468712
# Num Counters:
59
# Counter Values:
0
0
0
0
0
0
0
250347
0
236
0
250111
0
0
0
250100
250111
0
0
0
249292
0
0
0
0
0
819
0
0
0
0
819
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC5stashyyF
# Func Hash:
1546489934370467542
# Num Counters:
13
# Counter Values:
249281
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC5write___6isLastSbs4SpanVys5UInt8VG_A2JSbtF
# Func Hash:
1858638993838010959
# Num Counters:
66
# Counter Values:
352197
0
352197
352197
102935
352197
0
102935
0
0
0
0
0
0
102935
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
352197
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC7processyyF
# Func Hash:
1525839996273009419
# Num Counters:
202
# Counter Values:
0
0
0
249264
0
19
0
0
0
0
0
0
0
0
0
249264
0
0
0
249281
0
21
0
0
0
0
0
0
0
0
249281
0
0
249281
0
0
0
249281
249281
0
19
0
249281
249281
0
249281
0
0
0
0
0
0
0
0
0
0
0
0
249281
19
19
0
0
19
248281
248198
0
1000
249281
0
249281
0
0
0
0
249281
249262
1744910
1000
0
0
0
0
0
248281
249281
249281
0
0
248281
248281
248281
0
0
0
0
249262
249281
0
0
249281
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249281
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
19
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
4
0
1
0:248281
1
0:248281
1
0:19

ld-temp.o;$s4HTTP16ServerConnectionC7receiveAA13ReceiveResultOyF
# Func Hash:
1677210669250614607
# Num Counters:
21
# Counter Values:
0
0
249292
249292
0
0
249281
0
0
0
249281
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
0

ld-temp.o;$s4HTTP16ServerConnectionC8armTimer017_503804A1FA696EF8F14F4B63E521AB2A7LLyys6UInt64VF
# Func Hash:
1951655069610157592
# Num Counters:
5
# Counter Values:
497545
497545
1085
1085
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC8pumpBodyyyF
# Func Hash:
1437245259855965672
# Num Counters:
194
# Counter Values:
0
0
0
0
0
0
0
0
498526
0
0
249262
249262
0
0
0
0
0
0
249262
249262
0
249262
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionC8wantBody5limit5piece15expectsContinueSbSi_S2btAA0E5ErrorOYKF
# Func Hash:
2287052330075445670
# Num Counters:
19
# Counter Values:
0
0
249262
249262
0
249262
0
0
0
0
0
249262
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionCAA16ReadinessHandlerA2aDP5readyyyAA0D0VFTW
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
250347
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionCAA6SenderA2aDP13sendCollectedyyFTW
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
352216
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionCMa
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
1087
2
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP16ServerConnectionCfD
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1085
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP18UpstreamConnectionC11headArrived33_8B8FE154E1041109D083E2200B263E6DLL__6isLastyAA0B12ResponseHeadC_AA0B4CallCSbtF
# Func Hash:
1814440238734948880
# Num Counters:
21
# Counter Values:
0
0
249262
1000
0
1000
0
2
0
0
0
0
0
0
0
0
0
0
0
0
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP18UpstreamConnectionC11takeArrivedySays5UInt8VGSgSiF
# Func Hash:
1910088203614767976
# Num Counters:
26
# Counter Values:
248262
248262
248262
248262
248262
248262
248262
0
248262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
1
513:248262

ld-temp.o;$s4HTTP18UpstreamConnectionC13payloadWantedyyF
# Func Hash:
1403317097565641316
# Num Counters:
37
# Counter Values:
0
0
0
0
500
1000
1000
0
1000
1000
1000
0
0
0
0
1000
0
1000
1000
0
1000
1000
1000
0
0
500
0
0
0
0
500
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP18UpstreamConnectionC4read33_8B8FE154E1041109D083E2200B263E6DLLyyF
# Func Hash:
1364419608675711295
# Num Counters:
114
# Counter Values:
0
102935
0
352198
52238
172190
352197
172190
0
0
180007
0
0
249262
0
0
0
0
0
1
102935
352197
249262
0
0
0
103935
0
0
0
0
0
0
0
103935
0
0
103935
0
102935
0
0
0
0
0
0
249262
0
103935
0
0
0
0
0
0
0
0
0
0
102935
0
102935
249262
0
0
52238
249262
0
0
52238
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
0

ld-temp.o;$s4HTTP18UpstreamConnectionC4send33_8B8FE154E1041109D083E2200B263E6DLLyyF
# Func Hash:
1676116291388265625
# Num Counters:
100
# Counter Values:
0
0
0
0
0
0
0
0
0
0
127769
249262
0
0
0
121493
0
0
0
1
249262
0
0
249262
0
0
0
0
0
127768
127768
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
121493
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
1
0:127768

ld-temp.o;$s4HTTP18UpstreamConnectionC5beginyyAA0B4CallCF
# Func Hash:
1246399553546497515
# Num Counters:
7
# Counter Values:
249262
127769
249262
500
0
0
10
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP18UpstreamConnectionC5flushyyF
# Func Hash:
2087003413872917541
# Num Counters:
29
# Counter Values:
0
0
0
1000
1000
1000
0
0
1000
0
0
0
0
1000
0
0
1000
0
1000
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP18UpstreamConnectionC5readyyyAA9ReadinessVF
# Func Hash:
1814440239219695658
# Num Counters:
21
# Counter Values:
0
0
0
352198
352198
0
0
352198
102935
0
0
102935
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP18UpstreamConnectionC6finish33_8B8FE154E1041109D083E2200B263E6DLL7isExactySb_tF
# Func Hash:
2087003413552510457
# Num Counters:
26
# Counter Values:
0
248262
248262
0
0
248262
0
248262
0
0
248262
0
0
248262
0
248262
248262
0
248262
2
127269
0
0
127269
0
10
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP18UpstreamConnectionC7deliver33_8B8FE154E1041109D083E2200B263E6DLL_4fromys11MutableSpanVys5UInt8VGz_SitF
# Func Hash:
1472399531818886552
# Num Counters:
116
# Counter Values:
0
0
0
0
0
0
0
103935
103935
625576
0
103935
0
0
208031
0
0
103935
0
103935
104096
104096
104096
209192
0
0
103935
0
103935
0
104096
161
0
0
0
0
0
0
0
0
0
0
0
103935
0
0
0
0
161
0
103935
104096
0
0
1000
0
0
0
0
0
0
0
161
0
0
0
0
0
0
0
0
0
0
0
104096
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
1
129:161

ld-temp.o;$s4HTTP18UpstreamConnectionCAA16ReadinessHandlerA2aDP5readyyyAA0D0VFTW
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
352198
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP18UpstreamConnectionCAA6SenderA2aDP13sendCollectedyyFTW
# Func Hash:
2216626665353655678
# Num Counters:
3
# Counter Values:
249262
249262
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP18UpstreamConnectionCAA9FlushableA2aDP5flushyyFTW
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP18UpstreamConnectionCfD
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
1000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP18firstBadFieldValue2in_SiSgs4SpanVys5UInt8VG_SnySiGtF
# Func Hash:
2182500119980929020
# Num Counters:
16
# Counter Values:
0
0
6734207
6483945
251262
0
1744891
2743958
250262
0
0
0
0
0
0
1744891
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP19EndpointDescriptionVWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1030
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP19EndpointDescriptionVwcp
# Func Hash:
2277602155355619396
# Num Counters:
3
# Counter Values:
68
508
1012
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP6RouterC3Way05_E3E2D26D6900EFCEAA8D55F10D7906C80LLOWOe
# Func Hash:
1997904303775970431
# Num Counters:
5
# Counter Values:
249262
0
249262
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP6RouterC3Way05_E3E2D26D6900EFCEAA8D55F10D7906C80LLOWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP6RouterC6locate05_E3E2D26D6900EFCEAA8D55F10D7906C80LLyAC8LocationOs4SpanVys5UInt8VGF
# Func Hash:
2102773678416152106
# Num Counters:
83
# Counter Values:
0
249281
0
0
0
0
2991391
0
0
0
0
0
0
0
249281
0
0
0
249281
0
0
0
0
0
0
0
0
0
0
249281
0
0
0
0
0
0
0
0
0
0
0
0
249281
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP6RouterC8LocationOWOe
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
249262
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP6RouterCAA15ExchangeHandlerA2aDP5beginyyAA0C0CFTW
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249281
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP6equalsySbs4SpanVys5UInt8VG_SnySiGs12StaticStringVtFSbSRyAFGXEfU_
# Func Hash:
1312598133940580029
# Num Counters:
9
# Counter Values:
7000
7000
1000
1000
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP7HeadersV17dictionaryLiteralACSS_SStd_tcfCTf4nd_n
# Func Hash:
1951655069716183766
# Num Counters:
4
# Counter Values:
1272
441
249302
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP7ReactorC3runyyAA8ExchangeC_yAFYaYbYCctF
# Func Hash:
1567843314746704546
# Num Counters:
7
# Counter Values:
1017
1017
0
0
0
2
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP7ReactorC4Slot33_1D0CE5D16198D7370C8FA63188CFF4B4LLVwxx
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2068
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP7ReactorC4loop33_1D0CE5D16198D7370C8FA63188CFF4B4LLyyF
# Func Hash:
1797569652812556812
# Num Counters:
38
# Counter Values:
0
53268
9
604340
221
604340
121000
604340
604215
2
53402
53427
53402
159
0
53402
50562
0
65
2
2
2
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP7ReactorC4send33_1D0CE5D16198D7370C8FA63188CFF4B4LLyyF
# Func Hash:
1246399552758922886
# Num Counters:
7
# Counter Values:
53424
601478
107065
14
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP7ReactorC6settle33_1D0CE5D16198D7370C8FA63188CFF4B4LLyyF
# Func Hash:
2287121034196802827
# Num Counters:
20
# Counter Values:
2004
1000
1258275
2008
1000
2004
0
1000
0
2004
1000
0
0
0
0
1259275
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
1
0:2004
1
0:1000

ld-temp.o;$s4HTTP7ReactorC9runTimers33_1D0CE5D16198D7370C8FA63188CFF4B4LLyyF
# Func Hash:
1309168195990158465
# Num Counters:
90
# Counter Values:
0
0
0
0
0
0
66
2
0
0
2
0
0
2
0
40
5
0
5
0
0
0
0
0
53427
0
0
0
0
0
2
0
0
0
0
0
0
3
2
0
0
0
1662
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
0
0

ld-temp.o;$s4HTTP7ReactorC9takeInbox33_1D0CE5D16198D7370C8FA63188CFF4B4LLSbyF
# Func Hash:
1939437548604191834
# Num Counters:
15
# Counter Values:
1
8
8
53423
2
2
0
53429
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
1
8:2

ld-temp.o;$s4HTTP7ReactorCACSchAAWl
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
3031
2
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP7ReactorCSchAASch21asUnownedTaskExecutors0deF0VyFTW
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1002
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP7ReactorCSchAASch7enqueueyys11ExecutorJobVnFTW
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2029
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8AcceptorC11spareBufferSays5UInt8VGyF
# Func Hash:
1995909414314567434
# Num Counters:
13
# Counter Values:
352152
64
0
0
0
0
352152
352152
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
1
0:352152

ld-temp.o;$s4HTTP8AcceptorC5readyyyAA9ReadinessVFTf4dn_n
# Func Hash:
1244811655858161735
# Num Counters:
64
# Counter Values:
0
172
0
1085
1257
1257
0
0
0
2
0
0
0
1085
0
0
0
0
1085
172
0
0
0
0
0
0
0
0
0
0
0
1065
0
1085
0
0
0
0
172
172
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8AcceptorC6closedyyAA16ServerConnectionCF
# Func Hash:
1744916143535086843
# Num Counters:
27
# Counter Values:
0
0
1085
0
525
102
102
1085
1085
308
0
0
24
0
2
0
0
0
0
0
0
0
0
524
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8DateTextC9fieldLineySays5UInt8VG6Domain9TimestampVFTf4nn_g
# Func Hash:
1812606051677591842
# Num Counters:
18
# Counter Values:
249281
10
0
0
0
0
0
0
10
0
0
10
10
10
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8ExchangeC7watcherAA13ClientWatcher_pSgvW
# Func Hash:
1720106745013964920
# Num Counters:
5
# Counter Values:
499543
2000
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8ExchangeC8conclude33_A0CA5287F77BBCE8FA3707F849AEC0F4LL15tellsConnectionySb_tF
# Func Hash:
2073464779524909759
# Num Counters:
16
# Counter Values:
0
249281
249281
249100
248281
248281
248281
0
0
0
248281
0
0
0
9
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8ExchangeC8exchange_BAACIeghHgILg_4worktSgWOe
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
1019
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8ExchangeC8onClosedyycSgvW
# Func Hash:
1689794798318769726
# Num Counters:
4
# Counter Values:
249281
1000
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8ExchangeCIeghHg_BAACIeghHgILg_TR
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8ExchangeCIeghHg_BAACIeghHgILg_TRTA.36
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8ExchangeCIeghHg_BAACIeghHgILg_TRTA.36TQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8ExchangeCIeghHg_BAACIeghHgILg_TRTQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8RawRouteV4WorkOSgWOy
# Func Hash:
1597645694109059077
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8RawRouteV4WorkOWOy
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249670
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP8tokenEnd2in_Sis4SpanVys5UInt8VG_SnySiGtF
# Func Hash:
1574690832954632272
# Num Counters:
13
# Counter Values:
4737111
2244415
2492696
0
0
0
2492696
2492696
2492696
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP9CallTimerC8schedule33_7093EA08A93ADC83E188F93DADA37722LLyyF
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
2000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP9CallTimerCfD
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2000
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP9IPAddressV11descriptionSSvgSiSrys5UInt8VGXEfU_TA
# Func Hash:
1484701392846905167
# Num Counters:
9
# Counter Values:
249300
747900
747900
0
249300
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP9ReplyHeadO11statusLines33_0B26783645147E7698DEC53B08C647E9LL_WZ
# Func Hash:
1246399551649864758
# Num Counters:
7
# Counter Values:
1000
1000
998
92
2
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP9ReplyHeadO15appendChunkSize_2toySi_Says5UInt8VGztFZTf4nnd_n
# Func Hash:
1906124238283078876
# Num Counters:
7
# Counter Values:
208868
2
103935
0
0
0
208031
# Num Bitmap Bytes:
$0

ld-temp.o;$s4HTTP9TLSStreamC4fillyAA11TLSProgressOSwF
# Func Hash:
1454272651049533344
# Num Counters:
17
# Counter Values:
0
180121
180120
180120
0
0
0
180008
0
1
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A3KeyC5check5modelySS_tAA0A7ProblemOYKF
# Func Hash:
1720106744907152222
# Num Counters:
5
# Counter Values:
0
249262
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A4GateO11admitAtOnce__13inputEstimate__AA8KeyLeaseVSgAA0aH0C_AA15MessagesRequestVs5Int64VAA0A8ServicesC4HTTP8ExchangeCtAA0A7ProblemOYKFZTf4nnnnnd_n
# Func Hash:
2277602156064918528
# Num Counters:
3
# Counter Values:
0
249262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A4GateO11arrivedBody_5limitSays5UInt8VGSg4HTTP8ExchangeC_SitAA0A7ProblemOYKFZTf4nnd_n
# Func Hash:
1983580922349177312
# Num Counters:
11
# Counter Values:
0
249262
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A4GateO11reservationyAA13LimitCountersC11ReservationVAA0A3KeyC_AA15MessagesRequestVs5Int64VAA0A8ServicesCAC6MomentVtFZTf4nnnnnd_n
# Func Hash:
1293852830966878878
# Num Counters:
45
# Counter Values:
0
249262
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A4GateO3keyyAA0A3KeyC4HTTP8ExchangeC_AA0A8ServicesCtAA0A7ProblemOYKFZTf4nnd_n
# Func Hash:
2249506455246111901
# Num Counters:
99
# Counter Values:
0
0
249262
0
0
0
0
0
0
249262
498524
0
0
498524
1744834
0
2243358
2243358
2243358
0
0
0
0
0
249262
249262
249262
0
0
249262
0
249262
249262
0
249262
0
0
249262
0
0
249262
0
249262
249262
0
0
0
0
0
2
0
0
0
249262
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A4GateO5checkyAA0A3KeyCAF_AA0A8ServicesCtAA0A7ProblemOYKFZTf4nnd_g
# Func Hash:
1881051761872335671
# Num Counters:
34
# Counter Values:
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A4GateO6clientyyAA0A3KeyC_4HTTP11RequestHeadCAA08MessagesF0VSgtAA0A7ProblemOYKFZTf4nnnd_n
# Func Hash:
1445522980264921385
# Num Counters:
51
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A6MetersC14upstreamStatusyySiF
# Func Hash:
2277602155046310237
# Num Counters:
3
# Counter Values:
249262
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A6MetersC7accounty9Telemetry7CounterCAA0A7AccountC_AA11ModelFamilyOAA0F7OutcomeOtF
# Func Hash:
1533150042890195716
# Num Counters:
32
# Counter Values:
249258
0
2
0
4
0
4
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
2
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A7ProblemOSgWOe
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
1000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A7ProblemOWOe
# Func Hash:
2216626667164947077
# Num Counters:
3
# Counter Values:
1120
0
56
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay0A8ServicesC3dayySS6Domain9TimestampVF
# Func Hash:
1906124239864091747
# Num Counters:
7
# Counter Values:
249262
2
2
0
0
0
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10ErrorCoverVSgWOe
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
2000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10FairPlacesC4giveyyF
# Func Hash:
1380037377466252759
# Num Counters:
44
# Counter Values:
0
0
0
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
0
0

ld-temp.o;$s5Relay10FairPlacesC4take5limit9isInvitedSbSiSg_SbtF
# Func Hash:
1158754322539072621
# Num Counters:
10
# Counter Values:
249262
249262
0
2
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10PriceTableV4cost33_E6FEA253E7ECE9E777E12C15C986D40FLLys6Int128V6Domain0B3RowV_5Store11TokenCountsVtFZTf4nnd_n
# Func Hash:
1671673831175371380
# Num Counters:
10
# Counter Values:
249262
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10PriceTableV5price_6tokens5model2at10millionthsAA0B0VAA12MeteredUsageV_5Store11TokenCountsVSS6Domain9TimestampVs5Int64VtF
# Func Hash:
1693522469772765525
# Num Counters:
163
# Counter Values:
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
0
249262
0
0
0
0
0
249262
0
0
0
0
0
249262
0
0
0
249262
249262
0
0
249262
0
0
0
0
249262
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
0
0
0
0
498524
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10SettlementV11lostChargesySayAC6ChargeVGAA9AdmissionV_AA10PriceTableVtF
# Func Hash:
1574690833302924214
# Num Counters:
12
# Counter Values:
0
0
0
0
249262
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10SettlementV4UsedVSgWOd
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10SettlementV4UsedVSgWOg
# Func Hash:
1535914979662757887
# Num Counters:
2
# Counter Values:
1494572
1494572
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10SettlementV4UsedVSgWOi0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10SettlementV4UsedVwet
# Func Hash:
1760620704621549856
# Num Counters:
5
# Counter Values:
498524
498524
0
0
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10SettlementV4UsedVwst
# Func Hash:
1720106744785775187
# Num Counters:
5
# Counter Values:
249262
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10SettlementV6ChargeVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10SettlementVWOh
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
249262
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10StreamPumpC12schedulePing33_C3F957F97ED3A7AB3EEF8CCC09E0C453LLyyF
# Func Hash:
1584416160824002565
# Num Counters:
3
# Counter Values:
1000
0
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10StreamPumpC4pass33_C3F957F97ED3A7AB3EEF8CCC09E0C453LLy4HTTP0C4StepOs4SpanVys5UInt8VGF
# Func Hash:
2184731337120964182
# Num Counters:
8
# Counter Values:
0
103935
1000
102935
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10StreamPumpC4send33_C3F957F97ED3A7AB3EEF8CCC09E0C453LLy4HTTP0C4StepOs4SpanVys5UInt8VGF
# Func Hash:
1990430021327930879
# Num Counters:
18
# Counter Values:
103935
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10StreamPumpC5begin33_C3F957F97ED3A7AB3EEF8CCC09E0C453LLy4HTTP0C4StepOs4SpanVys5UInt8VGF
# Func Hash:
1193583730677856741
# Num Counters:
22
# Counter Values:
0
0
0
0
0
1000
0
0
0
1000
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10StreamPumpC5begin8decodingySb_tYaF
# Func Hash:
2249543095969787259
# Num Counters:
5
# Counter Values:
0
1000
1000
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10StreamPumpC5begin8decodingySb_tYaF4HTTP0C4StepOs4SpanVys5UInt8VGcfU_TA
# Func Hash:
1751926666945197788
# Num Counters:
12
# Counter Values:
0
0
0
103935
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10StreamPumpC5begin8decodingySb_tYaFy4HTTP13UpstreamErrorVSgcfU0_TA
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10StreamPumpC5ended33_C3F957F97ED3A7AB3EEF8CCC09E0C453LLyy4HTTP13UpstreamErrorVSgF
# Func Hash:
1951655072024930260
# Num Counters:
4
# Counter Values:
1000
1000
0
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10StreamPumpC8whenOveryyyyYaYbYCcFyycfU_TA
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10StreamPumpCMa
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
1000
2
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay10StreamPumpCfD
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11AccountLiveC12availability_3nowAA0B9ConditionV12AvailabilityOAA11ModelFamilyO_6Domain9TimestampVtF
# Func Hash:
1847858725794331746
# Num Counters:
6
# Counter Values:
249262
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11AccountLiveC9succeeded_3nowyAA11ModelFamilyO_6Domain9TimestampVtF
# Func Hash:
1207027343227160538
# Num Counters:
42
# Counter Values:
0
0
0
0
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
0

ld-temp.o;$s5Relay11AccountPoolC10candidatesyAA10CandidatesCSSF
# Func Hash:
1803895226139761863
# Num Counters:
8
# Counter Values:
2
249260
2
0
0
249260
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11HeaderRulesO6client_11keepsCoding7without4HTTP0B5BlockVAG20UpstreamResponseHeadC_SbAG0B4NameVSgtFZTf4nnnd_n
# Func Hash:
1265395769959278748
# Num Counters:
70
# Counter Values:
0
0
249262
0
995048
0
0
0
0
498524
0
0
498524
747786
249262
746786
0
249262
249262
249262
498524
746786
0
0
0
0
0
0
249262
249262
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11HeaderRulesO8upstream___7account4body4HTTP15UpstreamRequestVAG6MethodO_s4SpanVys5UInt8VGAG0I4HeadCAA0A7AccountCAG0H4BodyOtFZyAG0B5BlockVzXEfU_
# Func Hash:
2267397551213478800
# Num Counters:
193
# Counter Values:
0
0
249262
0
0
0
0
0
0
0
747786
0
249262
0
0
0
0
249262
0
2492620
0
0
0
0
747786
0
0
0
0
0
0
1744834
0
747786
0
1744834
997048
0
249262
249262
249262
0
747786
0
747786
0
1744834
249262
0
0
0
0
249262
249262
0
0
0
1495572
0
0
0
0
0
249262
249262
0
0
997048
249262
249262
747786
249262
0
249262
0
249262
249262
249262
0
249262
0
0
0
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11HeaderRulesO8upstream___7account4body4HTTP15UpstreamRequestVAG6MethodO_s4SpanVys5UInt8VGAG0I4HeadCAA0A7AccountCAG0H4BodyOtFZyAG0B5BlockVzXEfU_TA
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11HeaderRulesO9droppedUp33_2CBFDD1D765B1DC7A59A032183172307LL_WZTm
# Func Hash:
1464579261302402120
# Num Counters:
103
# Counter Values:
0
4
0
1210
0
0
4
0
372
0
326
0
0
60
0
0
0
4
74
0
0
0
0
0
0
56
0
0
0
0
0
0
0
0
0
0
0
0
0
0
4
4
4
0
0
0
4
4
0
0
4
0
0
0
0
0
0
0
0
16
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
0
0

ld-temp.o;$s5Relay11HiddenWordsVyACSgAA0A8ServicesC_AA0A7AccountCSgtcfCTf4nnd_n
# Func Hash:
1784177121288102687
# Num Counters:
5
# Counter Values:
0
0
1000
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11LimitTicketCfD
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11LocalLimitsC6settle__4usedySayAA13LimitCountersC6HolderVG_AG11ReservationVAA0F7AmountsVtFTf4nnnd_n
# Func Hash:
2073464782762426693
# Num Counters:
15
# Counter Values:
0
0
0
0
249262
249262
249262
0
2
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11StreamMeterV14readBlockStart33_121A41173878C293C22629CE4262E0D8LLySbs4SpanVys5UInt8VGFSbAJ_AA8JSONSkimO4NameVSnySiGtXEfU_SbAJ_AnOtXEfU_TA
# Func Hash:
1751926667483728651
# Num Counters:
10
# Counter Values:
1000
2000
2000
1000
0
2000
0
1000
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11StreamMeterV14readBlockStart33_121A41173878C293C22629CE4262E0D8LLySbs4SpanVys5UInt8VGFSbAJ_AA8JSONSkimO4NameVSnySiGtXEfU_TA
# Func Hash:
1246399551245805433
# Num Counters:
8
# Counter Values:
1000
3000
1000
1000
0
1000
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11StreamMeterV4feedyys4SpanVys5UInt8VGF
# Func Hash:
1385613541559357773
# Num Counters:
37
# Counter Values:
2036146
1713536
315288
524480
0
0
0
315288
0
103935
103935
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11StreamMeterV4read33_121A41173878C293C22629CE4262E0D8LLySbs4SpanVys5UInt8VG_SnySiGtF
# Func Hash:
1293184916102630489
# Num Counters:
75
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
105096
0
105096
0
0
0
0
0
0
0
0
0
0
0
1000
0
103096
1000
1000
0
103096
0
1000
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11StreamMeterV5event33_121A41173878C293C22629CE4262E0D8LLyAC5EventAELLOs4SpanVys5UInt8VG_SnySiGtFZTf4nnd_n
# Func Hash:
1713476864492408307
# Num Counters:
27
# Counter Values:
0
0
0
0
1000
105096
0
0
0
1000
104096
0
0
0
0
1000
104096
0
0
0
1000
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11StreamMeterV8takeLine33_121A41173878C293C22629CE4262E0D8LLyys4SpanVys5UInt8VG_SnySiGtF
# Func Hash:
1754842919007423487
# Num Counters:
60
# Counter Values:
0
1000
105096
0
1000
105096
210192
0
0
0
210192
105096
105096
105096
105096
0
210192
0
105096
105096
0
105096
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11StreamMeterV9readDelta33_121A41173878C293C22629CE4262E0D8LLySbs4SpanVys5UInt8VGFSbAJ_AA8JSONSkimO4NameVSnySiGtXEfU_SbAJ_AnOtXEfU_TA
# Func Hash:
1747961318465878583
# Num Counters:
62
# Counter Values:
103096
0
0
0
0
0
0
2165016
0
206192
103096
0
206192
103096
0
0
206192
0
103096
0
0
0
103096
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11StreamMeterV9readDelta33_121A41173878C293C22629CE4262E0D8LLySbs4SpanVys5UInt8VGFSbAJ_AA8JSONSkimO4NameVSnySiGtXEfU_TA
# Func Hash:
1246399551245805433
# Num Counters:
8
# Counter Values:
103096
309288
206192
103096
0
206192
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11StreamMeterV9readStart33_121A41173878C293C22629CE4262E0D8LLySbs4SpanVys5UInt8VGFSbAJ_AA8JSONSkimO4NameVSnySiGtXEfU_SbAJ_AnOtXEfU_TA
# Func Hash:
1334028950125013746
# Num Counters:
17
# Counter Values:
1000
1000
8000
2000
1000
0
2000
1000
1000
0
1000
1000
0
0
0
0
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11StreamMeterV9readStart33_121A41173878C293C22629CE4262E0D8LLySbs4SpanVys5UInt8VGFSbAJ_AA8JSONSkimO4NameVSnySiGtXEfU_TA
# Func Hash:
1246399551245805433
# Num Counters:
8
# Counter Values:
1000
2000
1000
1000
0
1000
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay11StreamMeterVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12AccountLeaseVfD
# Func Hash:
1949458486059144923
# Num Counters:
19
# Counter Values:
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC4HTTP15ResponseWatcherAadEP8answeredyyAD08UpstreamE0CFTW
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC4goOn33_0910D28912D5A2748EA855B6583901B9LLyyAA8AttemptsV7OutcomeOyYaYbYCcFy4HTTP8ExchangeCYaYbcfU_TA.31
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC4goOn33_0910D28912D5A2748EA855B6583901B9LLyyAA8AttemptsV7OutcomeOyYaYbYCcFy4HTTP8ExchangeCYaYbcfU_TA.31TQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC4goOn33_0910D28912D5A2748EA855B6583901B9LLyyAA8AttemptsV7OutcomeOyYaYbYCcFy4HTTP8ExchangeCYaYbcfU_TQ1_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC4goOn33_0910D28912D5A2748EA855B6583901B9LLyyAA8AttemptsV7OutcomeOyYaYbYCcFy4HTTP8ExchangeCYaYbcfU_TY0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC4goOn33_0910D28912D5A2748EA855B6583901B9LLyyAA8AttemptsV7OutcomeOyYaYbYCcFy4HTTP8ExchangeCYaYbcfU_TY2_
# Func Hash:
2101748714984502752
# Num Counters:
8
# Counter Values:
0
1000
0
0
1000
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC5beginyyAA8AttemptsV_AA15MessagesHandlerVtAA0A7ProblemOYKFZTf4nnd_n
# Func Hash:
1847858722891870892
# Num Counters:
5
# Counter Values:
0
249262
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC8answeredyy4HTTP16UpstreamResponseCF
# Func Hash:
2049780441473304575
# Num Counters:
10
# Counter Values:
1000
248262
248262
0
248262
248262
0
248262
248262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC8answeredyy4HTTP16UpstreamResponseCFAA8AttemptsV7OutcomeOyYaYbcfU0_TA
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC8answeredyy4HTTP16UpstreamResponseCFAA8AttemptsV7OutcomeOyYaYbcfU0_TATQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC8answeredyy4HTTP16UpstreamResponseCFAA8AttemptsV7OutcomeOyYaYbcfU0_TQ2_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptC8answeredyy4HTTP16UpstreamResponseCFAA8AttemptsV7OutcomeOyYaYbcfU0_TY0_
# Func Hash:
2277602155612257777
# Num Counters:
4
# Counter Values:
0
1000
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12FirstAttemptCfD
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12JournalCoderV6encode33_BFFB091966C44415E9868268AD99C868LL_4intoyAA9AdmissionV_6Domain10ByteCursorVztFZTf4nnd_n
# Func Hash:
1736508247149051048
# Num Counters:
50
# Counter Values:
249747
249747
249747
249747
249747
249747
249747
249747
249747
249747
0
249747
249747
0
249747
249747
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12JournalMoverC11showPending33_2DF662C29081B17C2F508F2194078230LLyyYaKF
# Func Hash:
1157897918242942007
# Num Counters:
27
# Counter Values:
2458
2428
1000
14
166
14
0
0
77
163
0
84
84
0
0
0
0
86
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
10
257:35
129:27
256:8
33:3
65:3
128:3
513:2
0:1
16:1
64:1

ld-temp.o;$s5Relay12JournalMoverC11showPending33_2DF662C29081B17C2F508F2194078230LLyyYaKFy5Store11TransactionCYbAF0L5ErrorOYKcfU0_TA
# Func Hash:
2070436846795570187
# Num Counters:
7
# Counter Values:
1000
1000
14
14
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12JournalMoverC4Open33_2DF662C29081B17C2F508F2194078230LLVWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1970
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12JournalMoverC4Open33_2DF662C29081B17C2F508F2194078230LLVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2295
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12JournalMoverC4note33_2DF662C29081B17C2F508F2194078230LL_2ofyAA0B0C5BatchV_SitFyAC8UnderwayAELLVzYuYTXEfU_
# Func Hash:
1667606337296358686
# Num Counters:
28
# Counter Values:
25
0
2985
6
65
2105
801
801
246277
2275
0
2
2295
2295
906
96
92
0
19
0
0
0
0
0
2058
18
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12JournalMoverC6folder5count5store6prices7ambient3log7metrics12segmentBytes14billsEstimatesACSS_Si5StoreAMVAA9PriceBookC6Domain7AmbientV9Telemetry3LogVAT7MetricsCSiSbtAA0B5ErrorOYKcfc
# Func Hash:
1426322390202218271
# Num Counters:
53
# Counter Values:
0
0
2
0
32766
16384
0
0
0
0
0
0
0
2
2
0
0
2
0
2
2
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
2
2
2
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12JournalMoverC6folder5count5store6prices7ambient3log7metrics12segmentBytes14billsEstimatesACSS_Si5StoreAMVAA9PriceBookC6Domain7AmbientV9Telemetry3LogVAT7MetricsCSiSbtAA0B5ErrorOYKcfcyyYbcfU_TA
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
498524
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MessageMeterO7ReadingVSgWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
248262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MessageMeterO7ReadingVWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
248262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MessageMeterO7ReadingVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
496524
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MessageMeterO7ReadingVwcp
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
248262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MessageMeterO7ReadingVwet
# Func Hash:
1760620704621549856
# Num Counters:
5
# Counter Values:
744786
744786
0
0
496524
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MessageMeterO7ReadingVwst
# Func Hash:
1720106744785775187
# Num Counters:
5
# Counter Values:
248262
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MessageMeterO7ReadingVwxx
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
248262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MeteredUsageV14readCacheParts33_34B775A727D725FBE834DB29BCA1549DLLySiSgs4SpanVys5UInt8VG_SitF
# Func Hash:
2249543092416629242
# Num Counters:
5
# Counter Values:
249262
0
0
249262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MeteredUsageV14readCacheParts33_34B775A727D725FBE834DB29BCA1549DLLySiSgs4SpanVys5UInt8VG_SitFSbAK_AA8JSONSkimO4NameVSnySiGtXEfU_TA
# Func Hash:
1248741821273065940
# Num Counters:
16
# Counter Values:
249262
249262
498524
498524
249262
0
498524
249262
249262
0
0
249262
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MeteredUsageV4take33_34B775A727D725FBE834DB29BCA1549DLLyys4SpanVys5UInt8VG_AC6MemberAELLOSnySiGtF
# Func Hash:
2270903622252815606
# Num Counters:
26
# Counter Values:
0
0
0
1246310
0
249262
249262
249262
249262
0
0
249262
0
0
0
249262
249262
0
0
0
249262
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MeteredUsageV5count33_34B775A727D725FBE834DB29BCA1549DLLys5Int64VSgs4SpanVys5UInt8VG_SnySiGtF
# Func Hash:
1178136837447900059
# Num Counters:
32
# Counter Values:
0
1993096
1495572
0
0
1495572
1495572
0
0
1495572
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
1495572
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MeteredUsageV6Member33_34B775A727D725FBE834DB29BCA1549DLLOyAFs4SpanVys5UInt8VG_SnySiGtcfCTf4nnd_n
# Func Hash:
1810490269791111107
# Num Counters:
36
# Counter Values:
249262
0
249262
0
0
0
249262
1495572
0
249262
249262
249262
0
498524
249262
0
0
249262
249262
249262
0
498524
249262
0
0
0
249262
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MeteredUsageV7overlayySiSgs4SpanVys5UInt8VG_SitF
# Func Hash:
1663773153819170159
# Num Counters:
10
# Counter Values:
249262
0
0
0
249262
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MeteredUsageVWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
854721
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay12MeteredUsageVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
605459
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay13InFlightSlotsC4giveyys6UInt32VF
# Func Hash:
2249543093449412641
# Num Counters:
5
# Counter Values:
249262
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay13InFlightSlotsC5store33_D369E0C81419F5C5C7C79CF61A12411ALL_2atySS_SitF
# Func Hash:
1784245882940973097
# Num Counters:
9
# Counter Values:
1000
1000
1000
1000
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
1
17:1000
1
33:1000

ld-temp.o;$s5Relay13LimitCountersC10inviteNextyyF
# Func Hash:
2129542543379388492
# Num Counters:
21
# Counter Values:
0
0
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
0

ld-temp.o;$s5Relay13LimitCountersC5admit33_99D26FEE3A39A07AB4FAE0D86C2F3F93LLyAC11ReservationVs10ArraySliceVyAC6HolderVG_AG6Domain9CivilZoneVACSgztAA0B7RefusalOYKFZs6ResultOyAgRGAC6CountsVzYuYTXEfU_
# Func Hash:
1507230559991686961
# Num Counters:
200
# Counter Values:
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
997048
0
0
0
997048
0
0
249262
0
0
249262
0
0
997048
997048
997048
997048
0
0
0
249262
0
0
0
0
249262
997048
997048
997048
997048
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
249262
249262
0
0
0
0
0
0
0
0
249262
249262
249262
0
0
249262
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
997048
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay13LimitCountersC5admit__4zone7invitedAC11ReservationVSayAC6HolderVG_AH6Domain9CivilZoneVACSgtAA0B7RefusalOYKFZ
# Func Hash:
1793625953693447972
# Num Counters:
14
# Counter Values:
0
249262
0
2
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay13LimitCountersC6CountsV4book_2at6second6beyondyAA0B7AmountsV_6Domain9TimestampVs6UInt64VAKtF
# Func Hash:
2008657868750836466
# Num Counters:
25
# Counter Values:
249262
0
0
0
997048
0
997048
997048
997048
997048
249262
249262
0
0
0
0
0
0
0
0
1246310
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay13LimitCountersC6CountsV4turn2to__12leavesFuturey6Domain9TimestampV_AA0B4PlanCAI9CivilZoneVSbtF
# Func Hash:
1707515526910154781
# Num Counters:
69
# Counter Values:
0
249260
0
249260
0
249260
0
0
0
0
0
0
0
0
0
2
2
2
2
0
0
0
0
249262
2
0
0
249262
0
0
0
249262
0
0
0
0
0
0
0
0
0
249260
2
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
2
249260
2
249260
2
249260
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay13LimitCountersC6CountsV8giveBackyyAC11ReservationVF
# Func Hash:
2226358055888516566
# Num Counters:
12
# Counter Values:
249262
997048
249262
249262
0
0
0
0
0
0
0
1246310
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay13RateStandingsVSgWOg
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
249262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay13RateStandingsVSgWOi_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay13SlidingMinuteV3add_6secondyAA12LimitAmountsV_s6UInt64VtF
# Func Hash:
2282656780345159834
# Num Counters:
68
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
498524
498524
498524
0
0
0
0
0
498524
498524
2
0
0
0
0
0
0
498524
0
498524
0
498524
0
498524
0
0
0
0
0
498524
0
498524
0
498524
0
498524
0
498524
498524
498524
498524
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay13SlidingMinuteV7advance2toys6UInt64V_tF
# Func Hash:
2134367678144396211
# Num Counters:
13
# Counter Values:
0
997048
9
2
0
9
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay14JournalSegmentC8checksumys6UInt32Vs4SpanVys5UInt8VGFZTf4nd_n
# Func Hash:
1198130828539298741
# Num Counters:
18
# Counter Values:
0
498524
31420660
0
1007048
498524
0
998018
498524
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay15MessagesHandlerV4read33_CFFB37CF6690BB40AB4F6278DE52C44ELLyAA0B7RequestVSays5UInt8VG_4HTTP8ExchangeCAA0A3KeyCtAA0A7ProblemOYKFTf4nnnd_n
# Func Hash:
2101748714232648701
# Num Counters:
7
# Counter Values:
0
0
0
249262
248262
248262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay15MessagesHandlerV5begin33_CFFB37CF6690BB40AB4F6278DE52C44ELL____13inputEstimate___AA7PassageC4HTTP8ExchangeC_AA0B7RequestVnAA0A3KeyCSSs5Int64VSays5UInt8VGAA0R5LeaseVnAA04FairU0VntAA0A7ProblemOYKF
# Func Hash:
1617292024203654405
# Num Counters:
71
# Counter Values:
0
0
0
0
249262
249262
249262
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay15MessagesHandlerV6caller33_CFFB37CF6690BB40AB4F6278DE52C44ELLyAA0A3KeyC4HTTP8ExchangeC_AGSgSStAA0A7ProblemOYKF
# Func Hash:
1549586226359938460
# Num Counters:
15
# Counter Values:
0
0
0
0
0
0
0
0
0
249262
249262
249262
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay15MessagesRequestV6Member33_8A2A12DC64D3EDB1B74A0B86512988C7LLOyAFSgs4SpanVys5UInt8VG_SnySiGtcfCTf4nnd_n
# Func Hash:
2223511498241136112
# Num Counters:
24
# Counter Values:
1000
0
1000
0
749786
0
249262
1000
250262
249262
0
249262
1000
250262
249262
0
1000
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay15MessagesRequestV7ProblemOSgWOe
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
249262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay15MessagesRequestV8scanningACs4SpanVys5UInt8VG_tAC7ProblemOYKcfCTf4nd_n
# Func Hash:
2119449452790168287
# Num Counters:
17
# Counter Values:
0
0
0
0
0
0
0
0
249262
0
0
249262
0
0
0
0
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay15MessagesRequestV8scanningACs4SpanVys5UInt8VG_tAC7ProblemOYKcfcSbAI_AA8JSONSkimO4NameVSnySiGtXEfU_SbAI_AoPtXEfU_TA
# Func Hash:
1751926665894307600
# Num Counters:
10
# Counter Values:
0
2000
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay15MessagesRequestV8scanningACs4SpanVys5UInt8VG_tAC7ProblemOYKcfcSbAI_AA8JSONSkimO4NameVSnySiGtXEfU_TA
# Func Hash:
1716156778709346974
# Num Counters:
51
# Counter Values:
0
0
0
0
0
1000
0
0
0
749786
0
0
0
249262
1000
249262
0
0
1000
249262
0
0
0
0
0
0
0
249262
0
0
249262
1000
249262
249262
249262
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay15MessagesRequestVWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay15MessagesRequestVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay16AccountDirectoryC4take33_8768224B66012CB398739F9CFCEFC2B6LLyAA0B5LeaseVSgAA0aB0C_AA0B4WishV6Domain9TimestampVtF
# Func Hash:
1725988364053252024
# Num Counters:
55
# Counter Values:
0
0
0
0
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay16AccountDirectoryC6choose_3nowAA0B5LeaseVAA0B4WishVz_6Domain9TimestampVtAA02NoB0OYKF
# Func Hash:
2127592110188609562
# Num Counters:
7
# Counter Values:
249262
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay16AccountDirectoryC7attempt33_8768224B66012CB398739F9CFCEFC2B6LLyAA0B5LeaseVSgAA0B4WishVz_6Domain9TimestampVtF
# Func Hash:
1310301490994842008
# Num Counters:
211
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
249262
0
249262
0
0
0
0
0
0
0
0
0
0
0
249262
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
3
0
0
0

ld-temp.o;$s5Relay16AccountDirectoryC8obstacle__3nowAA0B8ObstacleOSgAA0aB0C_AA0B4WishV6Domain9TimestampVtFTf4nnnd_n
# Func Hash:
1652422646632615199
# Num Counters:
46
# Counter Values:
0
0
0
0
0
0
0
249262
0
249262
0
0
0
0
0
0
0
249262
0
0
0
0
0
249262
249262
249262
0
0
0
0
249262
0
249262
0
0
0
0
0
0
0
0
0
249262
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay4WakeC6signalyyF
# Func Hash:
1803895224786949902
# Num Counters:
8
# Counter Values:
498526
9
4
5
2
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay5RouteC12blockedUntily6Domain9TimestampVSgAGF
# Func Hash:
1312598130068556938
# Num Counters:
9
# Counter Values:
249262
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7JournalC5admityyAA9AdmissionVAA0B5ErrorOYKFs6ResultOyytAHGs4SpanVys5UInt8VGXEfU_TA
# Func Hash:
1810100124541274106
# Num Counters:
30
# Counter Values:
0
249260
0
2
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
1
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7JournalC5write33_06519019FFF6E25FDAED2C5976DB4A3DLL_2toys4SpanVys5UInt8VG_AC5ChainAELLVztAA0B5ErrorOYKF
# Func Hash:
2129542543257991109
# Num Counters:
21
# Counter Values:
499007
499009
2
31
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
2
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
2
128:249747
257:249262

ld-temp.o;$s5Relay7JournalC6settleyyy6Domain10ByteCursorVzXEAA0B5ErrorOYKFs6ResultOyytAIGs4SpanVys5UInt8VGXEfU_TA
# Func Hash:
1424185015829572461
# Num Counters:
10
# Counter Values:
0
0
0
249262
249262
0
0
2
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7JournalC9nextBatch5limitAC0D0VSgSi_tF
# Func Hash:
1434451787960369146
# Num Counters:
248
# Counter Values:
2419
0
0
39
180
82
16
88
12013
6519
3
3
499040
499040
499009
499009
19
4594
180815
0
6
6
127
499009
499009
838
80696
80696
31
6
43
2295
1333
249262
499009
499009
0
485
485
13
0
5
9
0
1
14
0
0
0
2295
2295
2295
2295
2295
2295
2295
2295
2295
2295
2295
2295
2295
2295
249262
485
499009
0
16
249262
248698
0
246967
249262
0
0
0
0
249262
249262
7
0
2295
2295
2295
2295
2295
2295
2295
2295
2295
16
16
3
13
98285
0
0
2295
2295
92
12
0
16
0
0
0
79
96
4
0
0
0
12
16
0
96
4
3
0
0
3
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
4
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
403
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249747
485
485
485
485
35
177975
874
0
0
3338
0
82
0
0
0
2295
2295
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
6
0
1
0:485
1
0:249262
0
1
0:6
1
0:7

ld-temp.o;$s5Relay7PassageC10checkpointyyF
# Func Hash:
1153027391036172480
# Num Counters:
162
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
103935
0
0
0
0
0
0
0
0
0
0
0
0
0
0
103935
0
0
0
0
0
103935
0
0
103935
0
1000
0
0
0
1000
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
103935
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
103935
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7PassageC10markServedyyF
# Func Hash:
1624872250319210219
# Num Counters:
18
# Counter Values:
249262
0
124694
249262
249262
249262
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
0

ld-temp.o;$s5Relay7PassageC10startDrain33_2700855DD7A800E2AB731715F3D18F52LLySb4HTTP12UpstreamCallCF
# Func Hash:
1803895227121197263
# Num Counters:
9
# Counter Values:
1000
1000
1000
1000
1000
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7PassageC12beginAttempt4withyAA0A7AccountC_tF
# Func Hash:
1997904301371700967
# Num Counters:
4
# Counter Values:
249262
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7PassageC13meteredStream9mayChargeAA10SettlementV4UsedVSgSb_tF
# Func Hash:
2293460890551849944
# Num Counters:
45
# Counter Values:
0
0
0
0
0
0
0
1000
0
0
1000
0
0
0
0
1000
0
0
0
0
1000
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7PassageC3endyyF
# Func Hash:
1581593186286414987
# Num Counters:
43
# Counter Values:
0
0
249262
249262
0
249262
249262
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7PassageC4HTTP13ClientWatcherAadEP10clientLeftyyFTW
# Func Hash:
2277602156722096551
# Num Counters:
3
# Counter Values:
1000
0
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7PassageC6EndingOWOe
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
249262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7PassageC6settle_10httpStatus5usageyAC6EndingO_s5Int64VSgAA10SettlementV4UsedVSgntF
# Func Hash:
1882169477723401393
# Num Counters:
115
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
249262
0
249262
249262
0
0
0
0
0
2
0
0
0
248262
1000
0
248262
0
0
249262
0
0
249262
0
249262
0
0
0
249262
0
0
0
248262
0
0
0
249262
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
0
0
0
0
0
0
0
0
248262
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7PassageC6settle_10httpStatus5usageyAC6EndingO_s5Int64VSgAA10SettlementV4UsedVSgntFy6Domain10ByteCursorVzXEfU_TA
# Func Hash:
1556356157750652182
# Num Counters:
11
# Counter Values:
0
249262
0
249262
249262
249262
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7PassageC8markSentyyF
# Func Hash:
1288110140409759704
# Num Counters:
7
# Counter Values:
249262
249262
249262
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7PassageC8noteLostyyF
# Func Hash:
2127592110524296246
# Num Counters:
7
# Counter Values:
249262
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay7PassageCfD
# Func Hash:
2249543095483050660
# Num Counters:
5
# Counter Values:
249262
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV4PlanVWOc
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
1000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV4PlanVWOh
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
250262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV4cally4HTTP12UpstreamCallCAA0A7AccountCF
# Func Hash:
1456607292200512067
# Num Counters:
10
# Counter Values:
249262
249262
0
0
249262
249262
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV4kindyAC4KindO4HTTP16UpstreamResponseC_AA0A7AccountCtFSbs4SpanVys5UInt8VGYbcfu_
# Func Hash:
1751926666368575693
# Num Counters:
9
# Counter Values:
3000
3000
249262
1000
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV4kindyAC4KindO4HTTP16UpstreamResponseC_AA0A7AccountCtFTf4nnx_n
# Func Hash:
2074019494318262941
# Num Counters:
30
# Counter Values:
498524
498524
498524
249262
249262
0
35
0
249262
248262
0
249262
0
0
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
2
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV4nextyAA0A7AccountCSgAC4PlanVzAA0A7ProblemOYKF
# Func Hash:
1724144207745190268
# Num Counters:
35
# Counter Values:
0
0
0
249262
249262
0
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV4planAC4PlanVyF
# Func Hash:
2170931541055496993
# Num Counters:
40
# Counter Values:
0
0
0
0
0
0
249262
0
0
0
0
2
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
0
0

ld-temp.o;$s5Relay8AttemptsV4pump33_F3F9478FA882BF8AE5FE096D56638C00LL_11keepsCodingAA10StreamPumpC4HTTP16UpstreamResponseC_SbtF
# Func Hash:
2277602156722096551
# Num Counters:
3
# Counter Values:
1000
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV5reply33_F3F9478FA882BF8AE5FE096D56638C00LL__11keepsCodingy4HTTP16UpstreamResponseC_Says5UInt8VGSbtF
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
248262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV6append33_DB8E271D8E11E5B424A018A563C13FF3LL12microseconds2toys6UInt64V_6Domain10ByteCursorVztFZTf4nnd_n
# Func Hash:
2093188388376337742
# Num Counters:
20
# Counter Values:
0
156
498680
1495572
498524
498524
0
498524
498524
498524
0
0
0
0
0
0
0
0
0
156
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV6finish33_F3F9478FA882BF8AE5FE096D56638C00LLyAC7OutcomeOAA10StreamPumpCYaFTf4nnx_n
# Func Hash:
1926843653091636814
# Num Counters:
42
# Counter Values:
1000
0
1000
0
1000
0
0
0
0
0
0
0
1000
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV6isLast33_10FBC1EABCB855E7A69D9CD3AC9EE5AALLySbAC7OutcomeO_AC4PlanVztAA0A7ProblemOYKF
# Func Hash:
1435283587287756115
# Num Counters:
24
# Counter Values:
1000
0
0
0
0
1000
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV6settle33_F3F9478FA882BF8AE5FE096D56638C00LLySbSays5UInt8VGFTf4nx_n
# Func Hash:
1843808754704157815
# Num Counters:
31
# Counter Values:
0
248262
0
0
0
0
0
248262
0
248262
248262
248262
248262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV6streamyAC7OutcomeO4HTTP16UpstreamResponseCYaF
# Func Hash:
1288110137353767712
# Num Counters:
8
# Counter Values:
0
1000
1000
1000
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV6streamyAC7OutcomeO4HTTP16UpstreamResponseCYaFTQ0_
# Func Hash:
1960387219266138856
# Num Counters:
58
# Counter Values:
0
0
1000
0
0
0
1000
0
0
0
0
1000
0
0
0
0
0
0
1000
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV6streamyAC7OutcomeO4HTTP16UpstreamResponseCYaFyyYaYbcfU_TA
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV6streamyAC7OutcomeO4HTTP16UpstreamResponseCYaFyyYaYbcfU_TATQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV6streamyAC7OutcomeO4HTTP16UpstreamResponseCYaFyyYaYbcfU_TQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV7OutcomeOIeghHo_BAAEIeghHgILo_TR
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV7OutcomeOIeghHo_BAAEIeghHgILo_TRTA.26
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV7OutcomeOIeghHo_BAAEIeghHgILo_TRTA.26TQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV7OutcomeOIeghHo_BAAEIeghHgILo_TRTQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV7OutcomeOWOe
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
4000
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV7OutcomeOWOy
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
250262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8AttemptsV7headers_11keepsCoding7without4HTTP11HeaderBlockVAG20UpstreamResponseHeadC_SbAG0H4NameVSgtF
# Func Hash:
2174249972880049801
# Num Counters:
162
# Counter Values:
1246310
997048
0
0
0
0
0
0
0
0
0
0
0
0
747786
249262
0
249262
249262
0
1744834
1495572
249262
249262
249262
249262
249262
249262
249262
249262
249262
0
249262
249262
249262
249262
249262
0
48523
0
0
0
0
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
0
0
0
0
0
0
0
0
0
249262
0
249262
249262
0
249262
249262
249262
249262
249262
249262
2
0
249262
249262
249262
249262
249262
249262
249262
249262
249262
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
1495572
0
0
0
1246310
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
3
1
17:249262
1
17:249262
1
17:249262

ld-temp.o;$s5Relay8HeldBodyCfD
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8JSONSkimO4walkySiSgs4SpanVys5UInt8VG_SiAeJ_AC4NameVSitXEtFZ038$s5Relay12MeteredUsageV7overlayySiSgs4d4Vys5e14VG_SitFAeJ_AA8b2O4F9VSitXEfU_AA0iJ0VSbTf1nncn_nTf4nndnn_n
# Func Hash:
1650144559040481243
# Num Counters:
100
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
0
0
2243358
0
0
0
0
0
249262
249262
0
249262
0
0
0
249262
0
0
0
1495572
1495572
249262
0
1495572
1495572
1495572
0
0
0
1495572
1495572
1246310
1495572
0
249262
1246310
1495572
1246310
1246310
1246310
0
0
0
0
1495572
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8JSONSkimO4walkySiSgs4SpanVys5UInt8VG_SiAeJ_AC4NameVSitXEtFZ044$s5Relay12MessageMeterO4readyAC7ReadingVSgs4d4Vys5e14VGFZSiSgAL_AA8b2O4F9VSitXEfU_AA0iJ0O0M0VTf1nncn_nTf4nndn_n
# Func Hash:
1823949781322151998
# Num Counters:
108
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
248262
0
248262
0
0
0
0
0
248262
248262
0
0
496524
0
0
248262
0
0
0
248262
0
248262
0
0
0
248262
0
0
0
1986096
1986096
0
248262
1986096
1986096
1986096
0
0
0
1986096
1986096
1986096
1986096
1737834
1986096
496524
1986096
1737834
1737834
0
496524
248262
248262
0
248262
248262
0
1986096
248262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
248262
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8JSONSkimO4walkySiSgs4SpanVys5UInt8VG_SiAeJ_AC4NameVSitXEtFZ09$s5Relay8b16O7membersySiSgs4d4Vys5e3VG_j8SbAJ_AC4f4VSnyJ21GtXEtFZAeJ_ALSitXEfU_ACXMtAjLSnySiGSbIggyyd_SbTf1nncn_nTf4nnddgn_n
# Func Hash:
1923149820810169597
# Num Counters:
92
# Counter Values:
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
709716
0
0
1999096
0
0
0
0
0
709716
709716
0
709716
0
0
0
709716
0
0
0
1780790
1780790
709716
0
1780790
1780790
1780790
0
0
0
1780790
1780790
1780790
1780790
1071074
1780790
1780790
1071074
1780790
0
709716
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8JSONSkimO5countys5Int64VSgs4SpanVys5UInt8VG_SnySiGtFZTf4nnd_n
# Func Hash:
2266681552616433384
# Num Counters:
25
# Counter Values:
498524
498524
498524
0
249262
249262
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8JSONSkimO6stringySSSgs4SpanVys5UInt8VG_SnySiGtFZTf4nnd_n
# Func Hash:
2273708996817561528
# Num Counters:
25
# Counter Values:
0
10473004
748786
748786
748786
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay8JSONSkimO9skipValueySiSgs4SpanVys5UInt8VG_SitFZTf4nnd_n
# Func Hash:
1365934832722576183
# Num Counters:
75
# Counter Values:
1507572
0
0
0
107096
607620
607620
499524
0
0
2102192
0
497524
0
0
2338384
2102192
4764934
0
0
0
4764934
500524
500524
500524
4096148
2438480
3490528
2511576
605620
1107144
1107144
0
2102192
605620
2057122
607620
499524
1937956
250262
250262
250262
2056122
250262
1806860
0
605620
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay9AdmissionVWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
6075
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay9AdmissionVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
253042
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Relay9AdmissionVwxx
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
3780
# Num Bitmap Bytes:
$0

ld-temp.o;$s5RelayAAC6routesSay4HTTP8RawRouteVGvgyAD8ExchangeCYbcAA15MessagesHandlerVYbcfu0_yAIYbcfu1_TA
# Func Hash:
2087003414235233374
# Num Counters:
22
# Counter Values:
0
249262
0
0
249262
249262
249262
249262
0
0
2
0
0
0
0
0
0
249262
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store0A5ErrorOACs0B0AAWl
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
1444
2
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store11RecordBytesO3putyyAA11TokenCountsV_6Domain10ByteCursorVztFZTf4nnd_n
# Func Hash:
2047516784857033906
# Num Counters:
16
# Counter Values:
498524
498524
498524
498524
498524
498524
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store11SettledRowsV8addEntry33_E138AA528DEDB4B21D723D78FE344AA0LL___7attempt6counts_Sb6Domain10IdentifierVyAH11RequestKindOG_AJyAH06APIKeyS0OGAJyAH04UserS0OGSgs5Int64VSbAA12RecordReaderVztF
# Func Hash:
1742461934052584712
# Num Counters:
72
# Counter Values:
0
0
0
249262
249262
249262
0
249262
0
0
747786
0
0
249262
249262
747786
249262
249262
0
0
0
249262
0
249262
249262
0
0
0
249262
0
249262
249262
249262
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
1
3:249262
1
3:249262

ld-temp.o;$s5Store11TokenCountsV3add2toyAA8RowBatchVz_tF
# Func Hash:
1288110138014034404
# Num Counters:
7
# Counter Values:
499524
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store11TransactionC4book33_17972A445FA7B042EB7FA774B9AB776DLLySiAA11SettledRowsVz_AA9DayTotalsVztAA0A5ErrorOYKF
# Func Hash:
1845284414788393741
# Num Counters:
146
# Counter Values:
0
1994096
0
15577695
14835900
249262
0
741795
741795
741795
741795
1997
1907
741795
0
1997
1997
1997
1997
1997
1997
0
249262
0
90
0
0
0
90
1907
1997
1997
1997
1997
1997
1997
1997
0
1997
1997
0
0
0
0
247265
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249262
247265
247265
247265
0
1997
1997
1997
90
249262
249262
249262
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
4
1
0:1997
1
0:1997
1
0:1997
1
0:1997

ld-temp.o;$s5Store12RecordReaderV10optionalID6Domain10IdentifierVyxGSgyAE0G4KindRzlFAE07AccountH0O_Tg5
# Func Hash:
1793625953501134605
# Num Counters:
15
# Counter Values:
0
498524
498524
0
0
498524
498524
498524
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store12RecordReaderV4textAC4TextVyF
# Func Hash:
2134758100528115511
# Num Counters:
21
# Counter Values:
5498124
0
2752062
2007276
2007276
2752062
2752062
2752062
1505457
2251538
0
0
0
0
0
0
0
0
0
0
7749662
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store12RecordReaderV6tokensAA11TokenCountsVyF
# Func Hash:
1943637058343623789
# Num Counters:
18
# Counter Values:
0
498524
498524
498524
498524
498524
498524
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store12SQLiteHandleV3run__7columnsAA6AnswerV_AA3RowV7ColumnsCtAA0B9StatementV_SayAA8SQLValueOGAKSgtAA0A5ErrorOYKF
# Func Hash:
2285624192146121707
# Num Counters:
42
# Counter Values:
1088
272
16
0
710
16
272
802
16
196
108
2280
6
0
196
92
6
677
456
0
0
0
145
85
1398
0
0
672
0
0
0
0
0
24
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
2
65:14
32:2

ld-temp.o;$s5Store12SQLiteHandleV4pathACSS_tAA0A5ErrorOYKcfcs5Int32VSvSgcfU_To
# Func Hash:
1391905987573727355
# Num Counters:
3
# Counter Values:
8621
8621
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store12SQLiteWriterC5limit33_24834D0F53C853AD69ABE9E3D77FE926LLyyAA0B10ConnectionC_AA3Job_ptFSbyYbcfU_TA
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
8415
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store13RequestRecordVWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store13RequestRecordVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store13RequestRecordVwcp
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store14BatchStatementO10parameters33_74C4371A1F35213973118ADC2EB906CALL4fromSSSi_tF
# Func Hash:
1800393754565128047
# Num Counters:
10
# Counter Values:
6862
292
146
146
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store16DatabaseLocationOWOy
# Func Hash:
2216626663887491611
# Num Counters:
3
# Counter Values:
3592
3592
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store16SQLiteConnectionC3runySaySbGAA8RowBatchVAA0A5ErrorOYKF
# Func Hash:
2110136576445357318
# Num Counters:
121
# Counter Values:
0
6242550
254960
6742074
146
146
754786
4245454
2750
10392
10392
0
0
20
0
10392
7642
0
12
0
0
0
0
0
4994
0
0
12
0
0
4994
0
0
0
4992
4984
4984
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
20
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
1652
1652
6
6
6
6
0
7642
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
0
0

ld-temp.o;$s5Store16SQLiteConnectionC7prepare33_38D428533CD98D9CA3EA0BB5653F224BLLyAC8PreparedCSSAA0A5ErrorOYKF
# Func Hash:
1708610865549667505
# Num Counters:
35
# Counter Values:
0
0
0
0
0
0
0
0
0
135
1077
0
0
112
0
141
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store16SQLiteConnectionCAA0C0A2aDP3runySaySbGAA8RowBatchVAA0A5ErrorOYKFTW
# Func Hash:
1299757151682747028
# Num Counters:
2
# Counter Values:
0
4994
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store3SQLV4text4markSSSJ_tFTf4nx_n
# Func Hash:
1997904304557977755
# Num Counters:
4
# Counter Values:
1679
1226
478
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store6ReaderC3runySaySbGAA8RowBatchVAA0A5ErrorOYKF
# Func Hash:
1440408132208956648
# Num Counters:
5
# Counter Values:
0
4994
4994
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store8ChecksumO7hexText33_0AB025D6D8F9FD98DADDE4B15B87B4C1LLySSSays5UInt8VGFZTf4nd_n
# Func Hash:
1744489211527137999
# Num Counters:
6
# Counter Values:
1364
44
44
0
104
104
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store8RowBatchV3addyy6Domain10IdentifierVyxGSgAE0F4KindRzlFAE04UserG0O_Tg5Tm
# Func Hash:
1234747253587158088
# Num Counters:
17
# Counter Values:
498524
498524
0
0
498524
498524
500524
498524
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
1
3:498524

ld-temp.o;$s5Store8RowBatchV3addyySSF
# Func Hash:
1954198961619867803
# Num Counters:
11
# Counter Values:
49000
5000
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
0

ld-temp.o;$s5Store8RowBatchV3addyys5Int64VSgF
# Func Hash:
1847858723869627292
# Num Counters:
6
# Counter Values:
3000
747786
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store8RowBatchV3end33_74C4371A1F35213973118ADC2EB906CALLyySiF
# Func Hash:
1803895224451528588
# Num Counters:
9
# Counter Values:
3497668
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store8RowBatchV7addWord33_E138AA528DEDB4B21D723D78FE344AA0LLyyAA12RecordReaderVz_SaySays5UInt8VGGtF
# Func Hash:
1854529152887951233
# Num Counters:
13
# Counter Values:
4493716
4493716
1001048
998048
0
0
747786
0
747786
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store8SQLValueOWOe
# Func Hash:
2216626667164947077
# Num Counters:
3
# Counter Values:
7018
28
3761
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store8SQLValueOWOy
# Func Hash:
2216626667164947077
# Num Counters:
3
# Counter Values:
2239
6
1365
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store8SQLValueOwxx
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
4728
# Num Bitmap Bytes:
$0

ld-temp.o;$s5Store9refuseNULyyAA3SQLVAA0A5ErrorOYKFTf4x_n
# Func Hash:
1847858722879772517
# Num Counters:
6
# Counter Values:
2400
16829
1398
650
1133
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain10IdentifierV5write2toyAA10ByteCursorVz_tFAA11RequestKindO_Tg5
# Func Hash:
1169018823914576921
# Num Counters:
9
# Counter Values:
498543
498543
498543
498543
498543
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
1
3:498543

ld-temp.o;$s6Domain10JSONObjectVyACSaySS_AA4JSONOtGcfCTf4gd_n
# Func Hash:
1391905986406337020
# Num Counters:
3
# Counter Values:
2588
1689
1637
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain4JSONO5quote33_408260B5E7EDD41B85FBEA145C891ABCLL6inside4intoys4SpanVys5UInt8VG_AA10ByteCursorVztFZTf4nnd_n
# Func Hash:
1708255442443881946
# Num Counters:
46
# Counter Values:
0
0
69933
0
0
69933
0
0
0
0
0
0
0
0
0
0
0
0
0
0
5366
0
5366
5366
5366
5366
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
0
10
9:1319
5:940
4:856
7:852
33:724
17:346
16:170
3:90
65:50
6:19

ld-temp.o;$s6Domain4JSONO5quote_4intoySS_Says5UInt8VGztFZTf4nnd_n
# Func Hash:
2182500121359165245
# Num Counters:
13
# Counter Values:
2275
0
2275
985
1290
0
0
0
0
697
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain4JSONO5write33_408260B5E7EDD41B85FBEA145C891ABCLL2to6indentySays5UInt8VGz_SiSgtF
# Func Hash:
1939703512391789020
# Num Counters:
67
# Counter Values:
3091
0
3091
0
0
0
0
0
3091
0
1293
0
0
0
0
0
0
0
2243
0
0
0
1295
447
0
0
0
0
0
0
1293
0
0
0
0
0
0
601
0
0
0
0
0
0
0
36
0
0
0
0
0
424
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain4JSONOWOe
# Func Hash:
1997904301676432429
# Num Counters:
5
# Counter Values:
10523
3295
6912
104
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain4JSONOWOy
# Func Hash:
1997904301676432429
# Num Counters:
5
# Counter Values:
8758
3012
5090
122
8
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain4JSONOwxx
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
6717
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain5FieldVwcp
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2048
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain6SchemaOWOe
# Func Hash:
1246399554894786037
# Num Counters:
9
# Counter Values:
2038
1976
80
786
156
434
4
38
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain6SchemaOWOy
# Func Hash:
1246399554894786037
# Num Counters:
9
# Counter Values:
4790
4662
168
1884
382
892
6
86
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain7AmbientV9TelemetryE4liveACvpZfiAA9TimestampVyYbcfU_
# Func Hash:
1391905986547990001
# Num Counters:
3
# Counter Values:
107257
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain7AmbientV9TelemetryE4liveACvpZfis6UInt64VyYbcfU0_
# Func Hash:
1997904301556940467
# Num Counters:
4
# Counter Values:
917948
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Domain9TimestampV9appendDay33_26F67F880D6898199631B8FEA5CCF0B4LLyyAA10ByteCursorVzF
# Func Hash:
2263549102329961386
# Num Counters:
33
# Counter Values:
997150
0
0
498575
0
0
498575
0
0
498575
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
498559
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
0

ld-temp.o;$s6Domain9withBytes4upTo__xSi_yAA10ByteCursorVzXExs4SpanVys5UInt8VGXEtlFyt_Tg5053$s9Telemetry3LogV6accessyyAA10AccessLineVnFy6Domain10fG7VzXEfU_9Telemetry0oP0VTf1nncn_n
# Func Hash:
1400593269599461898
# Num Counters:
9
# Counter Values:
0
0
249281
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Server11SettingListO5entryyAA0B5EntryVSgSSFZTf4nd_n
# Func Hash:
1340693468377564025
# Num Counters:
8
# Counter Values:
2370
2352
38
38
24
2298
0
22
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Server12SettingEntryV4KindOWOe
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
2538
214
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Server12SettingEntryV4KindOWOy
# Func Hash:
1936928564262407938
# Num Counters:
2
# Counter Values:
2538
214
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Server12SettingEntryVWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2538
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Server12SettingEntryVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2514
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Server6WiringV5serveyyYaKFy4HTTP15ExchangeSummaryVYbcfU2_TA
# Func Hash:
1610094731576296837
# Num Counters:
38
# Counter Values:
249281
0
2
160608
249281
249279
4
2
0
6
2
0
2
0
0
249277
2
249277
2
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
249277
0
249277
# Num Bitmap Bytes:
$0

ld-temp.o;$s6Server8SettingsV7nearest33_3EB4BF65D8B42F5131008F73036AED02LLySS4name_Si8distancetSgSSFZTf4nd_n
# Func Hash:
2284228257902417425
# Num Counters:
29
# Counter Values:
1100
201472
1080
14080
15740
15740
1090
0
1100
1100
1100
10
10
26
0
0
0
0
0
10
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s7Secrets11KeyedSHA256C6digest2ofs11InlineArrayVy$31_s5UInt8VGs4SpanVyAIG_tF
# Func Hash:
1299757151682747028
# Num Counters:
2
# Counter Values:
249262
0
# Num Bitmap Bytes:
$0

ld-temp.o;$s9Telemetry10AccessLineV5write2toy6Domain10ByteCursorVz_tF
# Func Hash:
2075137511756112594
# Num Counters:
82
# Counter Values:
498543
499543
265162
249281
0
0
997105
998105
763724
249281
249281
249281
249281
249281
249281
249281
249281
249281
249281
0
249281
249281
249281
249281
249281
249281
249281
249281
249281
249281
249281
249281
249281
249281
249281
249281
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
747824
0
748824
0
514443
0
0
0
1000
1000
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
3
1
33:249281
1
9:249281
2
3:248281
17:1000

ld-temp.o;$s9Telemetry10AccessLineVWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249281
# Num Bitmap Bytes:
$0

ld-temp.o;$s9Telemetry9LogWriterC5flushyyFyyXEfU_TA
# Func Hash:
2043180791226710112
# Num Counters:
25
# Counter Values:
401
0
2005
2005
405
0
405
0
0
0
0
401
0
9
0
0
0
0
0
0
0
0
0
3
4
# Num Bitmap Bytes:
$0

ld-temp.o;$s9Telemetry9LogWriterCAA0B6OutputA2aDP5write_2toys4SpanVys5UInt8VG_AA0B7ChannelOtFTW
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249281
# Num Bitmap Bytes:
$0

ld-temp.o;$sBAIeghHgIL_IegH_TR
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sBAIeghHgIL_IegH_TRTA
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sBAIeghHgIL_IegH_TRTATQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sBAIeghHgIL_IegH_TRTQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sIegH_ytIegHr_TR
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sIegH_ytIegHr_TRTA
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sIegH_ytIegHr_TRTATQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sIegH_ytIegHr_TRTQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sIeg_SgWOe
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
1015475
13263
# Num Bitmap Bytes:
$0

ld-temp.o;$sIeg_SgWOy
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
4089
4089
# Num Bitmap Bytes:
$0

ld-temp.o;$sIeghH_BAIeghHgIL_TR
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sIeghH_BAIeghHgIL_TRTA
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sIeghH_BAIeghHgIL_TRTATQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sIeghH_BAIeghHgIL_TRTQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sSD17dictionaryLiteralSDyxq_Gx_q_td_tcfCSS_SiTt0g5Tf4g_n
# Func Hash:
2249543092113973072
# Num Counters:
5
# Counter Values:
0
1716
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$sSS5RelayE3hasySbs12StaticStringVF
# Func Hash:
2220381839779195903
# Num Counters:
11
# Counter Values:
0
3240406
249262
249262
0
249262
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
1
4:249262

ld-temp.o;$sSSWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1565
# Num Bitmap Bytes:
$0

ld-temp.o;$sSTsE21_copySequenceContents12initializing8IteratorQz_SitSry7ElementQzG_tFSD6ValuesVy6Domain10IdentifierVyAJ11RequestKindOGSnySiG_G_Tg5
# Func Hash:
1936470278285018168
# Num Counters:
10
# Counter Values:
2269
26
26
92
92
92
0
0
0
3
# Num Bitmap Bytes:
$0

ld-temp.o;$sSTsSQ7ElementRpzrlE8containsySbABFSS17UnicodeScalarViewV_Tg5
# Func Hash:
2254682642020406966
# Num Counters:
18
# Counter Values:
108
0
0
1188
0
0
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$sSTsSQ7ElementRpzrlE8containsySbABFSS8UTF8ViewV_Tg5
# Func Hash:
2215432750115061150
# Num Counters:
13
# Counter Values:
20
9886
0
1315
1148
0
0
0
0
0
0
32
1148
# Num Bitmap Bytes:
$0

ld-temp.o;$sSa15replaceSubrange_4withySnySiG_qd__nt7ElementQyd__RszSlRd__lF4HTTP6Sender_p_s15EmptyCollectionVyAfG_pGTg5Tf4ndn_nTm
# Func Hash:
1714851426783129289
# Num Counters:
5
# Counter Values:
53583
0
107224
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
1
0:53583

ld-temp.o;$sSa15replaceSubrange_4withySnySiG_qd__nt7ElementQyd__RszSlRd__lFs5UInt8V_s15EmptyCollectionVyAGGTg5Tf4ndn_n
# Func Hash:
1348424690228085885
# Num Counters:
7
# Counter Values:
0
103933
103933
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
1
0:103933

ld-temp.o;$sSa4HTTPs5UInt8VRszlE6append7copying_ys4SpanVyACG_SnySiGtF
# Func Hash:
1806168844339611867
# Num Counters:
12
# Counter Values:
498543
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$sSa6append10contentsOfyqd__n_t7ElementQyd__RszSTRd__lFs5UInt8V_SRyAFGTg5
# Func Hash:
1561822130178429626
# Num Counters:
17
# Counter Values:
6299133
745786
5555351
5555351
462
0
0
0
0
0
2
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
13
17:1000048
9:999048
5:747786
65:499528
257:499524
513:498524
129:351235
8:253262
7:250262
33:248262
2:104935
4:102935
128:2

ld-temp.o;$sSa6append10contentsOfyqd__n_t7ElementQyd__RszSTRd__lFs5UInt8V_SWTg5
# Func Hash:
1858373025097160128
# Num Counters:
19
# Counter Values:
499009
499009
949
498913
499009
853
499009
0
0
0
0
0
0
0
0
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
2
128:249747
257:249262

ld-temp.o;$sSa6append10contentsOfyqd__n_t7ElementQyd__RszSTRd__lFs5UInt8V_SayAFGTg5
# Func Hash:
2196684688334131519
# Num Counters:
9
# Counter Values:
1003
256577
256578
0
1002
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
5
129:127769
513:127769
17:1021
33:17
16:2

ld-temp.o;$sSay6Domain8FieldDocVGWOcTm
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1405
# Num Bitmap Bytes:
$0

ld-temp.o;$sSbIeghd_SgWOe
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
9576
8970
# Num Bitmap Bytes:
$0

ld-temp.o;$sScCyyts5NeverOGSgWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
252359
# Num Bitmap Bytes:
$0

ld-temp.o;$sScCyyts5NeverOGSgWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
251432
# Num Bitmap Bytes:
$0

ld-temp.o;$sScCyyts5NeverOGSgWOhTm
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
248262
# Num Bitmap Bytes:
$0

ld-temp.o;$sScCyyts5NeverOGSgWOhTm.8516
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
3000
# Num Bitmap Bytes:
$0

ld-temp.o;$sScPSgWOc
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1010
# Num Bitmap Bytes:
$0

ld-temp.o;$sScPSgWOh
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2020
# Num Bitmap Bytes:
$0

ld-temp.o;$sSlsSQ7ElementRpzrlE5split9separator9maxSplits25omittingEmptySubsequencesSay11SubSequenceQzGAB_SiSbtFSs_Tg5
# Func Hash:
1640593953975513610
# Num Counters:
22
# Counter Values:
0
21110
3586
4
0
2498
0
0
0
1092
52
2498
1040
0
0
0
794
0
1266
2498
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$ss12Zip2SequenceV8IteratorV4next7ElementQz_AFQy_tSgyFSS8UTF8ViewV_AKTg5
# Func Hash:
2012589145291308307
# Num Counters:
24
# Counter Values:
2795
199
2596
0
0
2596
0
0
0
0
0
0
0
0
0
0
0
0
0
0
0
2596
0
2596
# Num Bitmap Bytes:
$0

ld-temp.o;$ss15ContiguousArrayV16_createNewBuffer14bufferIsUnique15minimumCapacity13growForAppendySb_SiSbtF4HTTP12PathTemplateV4PartO_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1080
# Num Bitmap Bytes:
$0

ld-temp.o;$ss15ContiguousArrayV16_createNewBuffer14bufferIsUnique15minimumCapacity13growForAppendySb_SiSbtF4HTTP9IPAddressV_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2001
# Num Bitmap Bytes:
$0

ld-temp.o;$ss17_NativeDictionaryV20_copyOrMoveAndResize8capacity12moveElementsySi_SbtF6Domain10IdentifierVyAF11RequestKindOG_5Relay12JournalMoverC4Open33_2DF662C29081B17C2F508F2194078230LLVTg5
# Func Hash:
1240818117392371760
# Num Counters:
16
# Counter Values:
6
22
1532
0
6
22
2
0
10
8
0
0
10
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
4
8:2
16:2
32:2
64:2

ld-temp.o;$ss17_NativeDictionaryV20_copyOrMoveAndResize8capacity12moveElementsySi_SbtF6Domain10IdentifierVyAF11RequestKindOG_SnySiGTg5
# Func Hash:
1739590453437347700
# Num Counters:
15
# Counter Values:
28
16
5414
564
28
471
16
461
10
0
0
461
25
25
25
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
4
8:4
16:3
32:2
64:1

ld-temp.o;$ss17_NativeDictionaryV20_copyOrMoveAndResize8capacity12moveElementsySi_SbtFs5Int32V_4HTTP16ServerConnectionCTg5
# Func Hash:
1767685798194390398
# Num Counters:
16
# Counter Values:
3
22
1529
0
20
3
18
22
10
8
0
0
10
2
2
2
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
4
8:2
16:2
32:2
64:2

ld-temp.o;$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtF4HTTP11RequestHeadC5FieldV_Tg5
# Func Hash:
1623524941711634211
# Num Counters:
8
# Counter Values:
3901
2901
1901
2000
1901
2901
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
2
17:1000
8:901
1
0:2000

ld-temp.o;$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtF4HTTP12PathTemplateV4PartO_Tg5Tm
# Func Hash:
1448857378684759843
# Num Counters:
8
# Counter Values:
1104
24
22
1082
22
24
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
6
513:12
17:2
33:2
65:2
129:2
257:2

ld-temp.o;$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtF4HTTP9IPAddressV_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
3008
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtF5Store8RowBatchV4CellV_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1180
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtF5Store8RowBatchV4CellV_Tg5Tm
# Func Hash:
1623524941711634211
# Num Counters:
8
# Counter Values:
1180
0
0
1180
0
0
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
0
1
0:1180

ld-temp.o;$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtF6Domain10IdentifierVyAH11AccountKindOG_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtF6Domain10IdentifierVyAH16AccountGroupKindOG_Tg5Tm
# Func Hash:
1623524941711634211
# Num Counters:
8
# Counter Values:
249262
249262
0
249262
0
249262
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
0
1
0:249262

ld-temp.o;$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtFSNys5Int64VG_Tg5Tm
# Func Hash:
1623524941711634211
# Num Counters:
8
# Counter Values:
3008
3007
4
3004
4
3007
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
2
16:2
32:2
1
0:3004

ld-temp.o;$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtFSS4name_6Domain4JSONO5valuet_Tg5
# Func Hash:
1448857378684759843
# Num Counters:
8
# Counter Values:
3989
3989
2332
1657
2332
3979
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
5
33:1198
65:1018
129:86
257:24
513:6

ld-temp.o;$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtFSs_Tg5Tm
# Func Hash:
1448857378684759843
# Num Counters:
8
# Counter Values:
3340
3340
2160
1180
2160
3340
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
1
6
32:1106
64:848
128:196
513:6
256:2
512:2

ld-temp.o;$ss22_ContiguousArrayBufferV20_consumeAndCreateNew14bufferIsUnique15minimumCapacity13growForAppendAByxGSb_SiSbtFs5UInt8V_Tgq5
# Func Hash:
1597576949289972910
# Num Counters:
7
# Counter Values:
2363
1065
1298
2363
1298
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
2
1
0:1065
6
33:436
8:425
65:348
129:66
1:19
17:4

ld-temp.o;$ss22__RawDictionaryStorageC4find_9hashValues10_HashTableV6BucketV6bucket_Sb5foundtx_SitSHRzlF4HTTP14UpstreamTargetC_Tg5
# Func Hash:
1391905989461672597
# Num Counters:
4
# Counter Values:
1002
0
0
1006
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4find_9hashValues10_HashTableV6BucketV6bucket_Sb5foundtx_SitSHRzlF5Relay12KeyDirectoryC6Digest33_F4203E58C97AD762697084FD8864C711LLV_Tg5
# Func Hash:
1372009766763885060
# Num Counters:
7
# Counter Values:
0
0
249266
249262
249262
249262
249262
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4find_9hashValues10_HashTableV6BucketV6bucket_Sb5foundtx_SitSHRzlF5Store11UsageDayKeyV_Tg5
# Func Hash:
2152132671789748356
# Num Counters:
12
# Counter Values:
0
0
0
1907
1907
1907
0
2087
1907
1907
1907
1907
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4find_9hashValues10_HashTableV6BucketV6bucket_Sb5foundtx_SitSHRzlF6Domain10IdentifierVyAK11AccountKindOG_Tg5Tm
# Func Hash:
1190651580724277764
# Num Counters:
5
# Counter Values:
112784
201112
750292
363209
250453
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4find_9hashValues10_HashTableV6BucketV6bucket_Sb5foundtx_SitSHRzlF9Telemetry10LogChannelO_Tg5
# Func Hash:
2277602157346943492
# Num Counters:
4
# Counter Values:
3
3
1220
1201
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4find_9hashValues10_HashTableV6BucketV6bucket_Sb5foundtx_SitSHRzlFs5Int32V_Tg5
# Func Hash:
2277602157346943492
# Num Counters:
4
# Counter Values:
563
2838
2190
1648
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4find_9hashValues10_HashTableV6BucketV6bucket_Sb5foundtx_SitSHRzlFs6UInt64V_Tg5Tm
# Func Hash:
2277602157346943492
# Num Counters:
4
# Counter Values:
703
4291
1092
795
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4findys10_HashTableV6BucketV6bucket_Sb5foundtxSHRzlF4HTTP14UpstreamTargetC_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1006
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4findys10_HashTableV6BucketV6bucket_Sb5foundtxSHRzlF5Relay12KeyDirectoryC6Digest33_F4203E58C97AD762697084FD8864C711LLV_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249266
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4findys10_HashTableV6BucketV6bucket_Sb5foundtxSHRzlF5Store11UsageDayKeyV_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2087
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4findys10_HashTableV6BucketV6bucket_Sb5foundtxSHRzlF6Domain10IdentifierVyAJ11AccountKindOG_Tg5Tm
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
750292
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4findys10_HashTableV6BucketV6bucket_Sb5foundtxSHRzlF6Domain10IdentifierVyAJ11RequestKindOG_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
500282
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4findys10_HashTableV6BucketV6bucket_Sb5foundtxSHRzlF9Telemetry10LogChannelO_Tg5
# Func Hash:
1720106743582077680
# Num Counters:
6
# Counter Values:
1220
0
1200
0
0
0
# Num Bitmap Bytes:
$0

ld-temp.o;$ss22__RawDictionaryStorageC4findys10_HashTableV6BucketV6bucket_Sb5foundtxSHRzlFs5Int32V_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2190
# Num Bitmap Bytes:
$0

ld-temp.o;$ss6_merge3low3mid4high6buffer2bySbSpyxG_A3GSbx_xtKXEtKlFSi_Tg5050$s5Store14SettledRecordsV13placesInOrderSaySiGvgSbO9_SitXEfU_Say6Domain10IdentifierVyAI11RequestKindOGGTf1nnnnc_nTf4nnnng_n
# Func Hash:
1329616862913615120
# Num Counters:
36
# Counter Values:
0
0
0
0
203
0
23
0
740319
0
838869
0
0
0
420
5235
104182
0
5235
0
0
0
0
5235
5235
98970
0
0
0
0
0
0
0
3274
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
3
0
5
0:5212
257:9
8:7
513:6
16:1
5
257:2654
513:2571
129:6
256:3
65:1

ld-temp.o;$ss6_merge3low3mid4high6buffer2bySbSpyxG_A3GSbx_xtKXEtKlFSnySiG_Tg5100$s5Relay7JournalC7Reading33_06519019FFF6E25FDAED2C5976DB4A3DLLV6finishyyAC5BatchVzFSbSnySiG_AJtXEfU_Tf1nnnnc_n
# Func Hash:
2147169399741112620
# Num Counters:
22
# Counter Values:
0
0
1
1113
0
1113
0
0
13
1107
0
13
0
0
0
13
1095
1095
0
13
0
0
# Num Bitmap Bytes:
$0
# Num Value Kinds:
1
# ValueKind = IPVK_MemOPSize:
1
# NumValueSites:
3
0
2
0:12
16:1
1
513:13

ld-temp.o;$sxIegHr_xs5Error_pIegHrzo_s8SendableRzs5NeverORs_r0_lTRyt_Tg5
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1002
# Num Bitmap Bytes:
$0

ld-temp.o;$sxIegHr_xs5Error_pIegHrzo_s8SendableRzs5NeverORs_r0_lTRyt_Tg5TA
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sxIegHr_xs5Error_pIegHrzo_s8SendableRzs5NeverORs_r0_lTRyt_Tg5TATQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;$sxIegHr_xs5Error_pIegHrzo_s8SendableRzs5NeverORs_r0_lTRyt_Tg5TQ0_
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1002
# Num Bitmap Bytes:
$0

ld-temp.o;__swift_memcpy154_8
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
249262
# Num Bitmap Bytes:
$0

ld-temp.o;anon.172e6ae42cfc4be3326701d8612e1ad1.0
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
855721
107935
# Num Bitmap Bytes:
$0

ld-temp.o;anon.37c7a9bb2c690d335b53d235971e6dd4.0
# Func Hash:
1936928561450936423
# Num Counters:
2
# Counter Values:
1000
0
# Num Bitmap Bytes:
$0

ld-temp.o;anon.3d0533735edd02137f44800c607d02b2.0
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
500282
# Num Bitmap Bytes:
$0

ld-temp.o;anon.5ab179eff7838e03cfb4c4f6cdad3506.3
# Func Hash:
1391905986960700213
# Num Counters:
3
# Counter Values:
3878
112
2308
# Num Bitmap Bytes:
$0

ld-temp.o;anon.5ab179eff7838e03cfb4c4f6cdad3506.4
# Func Hash:
2277602155355619396
# Num Counters:
3
# Counter Values:
126
2562
4209
# Num Bitmap Bytes:
$0

ld-temp.o;anon.9c50b7ff02c80de7e281326d9a1aa004.0
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1092
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.20.6892
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.24.6891
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.29.6880
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.3.4978
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.34.6890
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.4433
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
2000
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.4969
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.5.6319
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.5270
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1085
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.6320
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.7.4977
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.8520
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0

ld-temp.o;objectdestroy.9.6318
# Func Hash:
1895182923573755903
# Num Counters:
1
# Counter Values:
1000
# Num Bitmap Bytes:
$0
